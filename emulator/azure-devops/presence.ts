import type { CloudContext } from '../core/context.ts';
import { Refusal } from './errors.ts';
import type { Jobs } from './jobs.ts';
import type { Organization } from './organization.ts';
import type { AgentRecord, MessageRecord, RequestRecord, SessionRecord } from './records.ts';
import type { Waiters } from './waiters.ts';

/** How long a call for messages is held open. From memory of the live service: about 50 seconds. */
export const longPollMs = 50_000;

/** Silence after which an agent is shown offline. From memory of the live service: minutes. */
const silenceMs = 120_000;

/** However small the scale: a busy machine must not make its agents look dead. */
const leastSilenceMs = 2_000;

/** Sessions of agents: who is online, and the calls in which they wait for messages. */
export interface Presence {
  open(
    agent: AgentRecord,
    session: Omit<SessionRecord, 'id'>,
    capabilities: Record<string, string> | undefined,
  ): SessionRecord;
  /** The session; refuses when it is over. */
  session(id: string): SessionRecord;
  close(session: SessionRecord): void;
  /** Holds the call until there is a message, at most for `longPollMs`. */
  poll(
    session: SessionRecord,
    lastMessageId: number,
    signal: AbortSignal,
  ): Promise<{ request: RequestRecord; message: MessageRecord } | undefined>;
  /** Ends the sessions of a registration that is replaced or removed. */
  forget(agentId: number): void;
  resume(): void;
  stop(): void;
}

export function createPresence(
  context: CloudContext,
  organization: Organization,
  jobs: Jobs,
  makeWaiters: (left: (sessionId: string) => void) => Waiters,
): Presence {
  const { clock, chance, latencies, ledger } = context;
  const { agents, sessions } = organization;
  const silence = new Map<string, () => void>();
  const afterMs = Math.max(leastSilenceMs, silenceMs * latencies.scale);
  const waiters = makeWaiters(listen);

  /** Starts to count the silence of a session that has no call open. */
  function listen(sessionId: string): void {
    const session = sessions.get(sessionId);
    silence.get(sessionId)?.();
    if (session === undefined) return;
    silence.set(
      sessionId,
      clock.at(clock.now() + afterMs, () => end(session)),
    );
  }

  function heard(sessionId: string): void {
    silence.get(sessionId)?.();
    silence.delete(sessionId);
  }

  function end(session: SessionRecord): void {
    heard(session.id);
    if (sessions.get(session.id) === undefined) return;
    sessions.delete(session.id);
    waiters.wake(session.id);
    const agent = agents.get(session.agentId);
    if (agent !== undefined) show(agent, false);
  }

  function show(agent: AgentRecord, online: boolean): void {
    const changed = agent.online !== online;
    agents.put({ ...agent, online, statusChangedAt: changed ? clock.now() : agent.statusChangedAt });
    if (!changed) return;
    ledger.record({
      kind: 'registration',
      at: clock.now(),
      poolId: agent.poolId,
      agentId: agent.id,
      name: agent.name,
      event: online ? 'online' : 'offline',
    });
  }

  function session(id: string): SessionRecord {
    const found = sessions.get(id);
    if (found !== undefined) return found;
    throw new Refusal('TaskAgentSessionExpiredException', `The session ${id} is over. Create a new one.`);
  }

  return {
    session,
    open(agent, given, capabilities) {
      const [live] = sessions.inGroup(String(agent.id));
      if (live !== undefined) {
        throw new Refusal(
          'TaskAgentSessionConflictException',
          `The agent ${agent.name} already has an active session for owner ${live.ownerName}.`,
        );
      }
      const opened: SessionRecord = { id: chance.uuid(), ...given };
      sessions.put(opened);
      show(capabilities === undefined ? agent : { ...agent, systemCapabilities: capabilities }, true);
      listen(opened.id);
      jobs.poolChanged(agent.poolId);
      return opened;
    },
    close: end,
    async poll(polling, lastMessageId, signal) {
      heard(polling.id);
      let next = jobs.nextMessage(polling.agentId, lastMessageId);
      if (next === undefined) {
        await waiters.wait(polling.id, longPollMs, signal);
        session(polling.id);
        next = jobs.nextMessage(polling.agentId, lastMessageId);
      }
      if (!waiters.has(polling.id)) listen(polling.id);
      return next;
    },
    forget(agentId) {
      for (const open of sessions.inGroup(String(agentId))) end(open);
    },
    resume() {
      // Agents could not call while the server was down: their silence counts from now.
      for (const open of sessions.values()) listen(open.id);
    },
    stop() {
      for (const cancel of silence.values()) cancel();
      silence.clear();
      waiters.close();
      for (const cancel of silence.values()) cancel();
      silence.clear();
    },
  };
}
