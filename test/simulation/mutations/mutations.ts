/**
 * Known bugs, each as a change of the product's own text. A harness that finds none of them proves nothing. Most are
 * real bugs of others: the numbers are those of the sources in `docs/simulation.md`.
 */
export interface Mutation {
  /** Short, for command lines and folders. */
  name: string;
  /** What is wrong, in one sentence. */
  bug: string;
  changes: { file: string; find: string; replace: string }[];
}

const agentActivities = 'activities/agent.ts';
const agentWorkflow = 'workflows/agent.ts';
const poolWorkflow = 'workflows/pool.ts';

export const mutations: readonly Mutation[] = [
  {
    name: 'skip-deregistration',
    bug: 'A returned agent stays registered in Azure DevOps.',
    changes: [
      {
        file: agentActivities,
        find: "await classified('Agents_Delete', () => registrar.deregister(identity, registrationId))",
        replace: "await Promise.resolve('removed' as 'removed' | 'busy')",
      },
    ],
  },
  {
    name: 'delete-while-busy',
    bug: 'The server’s refusal to forget a busy agent is not heeded.',
    changes: [
      { file: agentActivities, find: "if (deregistered === 'busy') return { outcome: 'busy' };", replace: '' },
      {
        file: agentWorkflow,
        find: 'const job = this.unservedJob();\n      if (job) return',
        replace: 'const job = this.unservedJob();\n      if (job && this.retireReason === undefined) return',
      },
    ],
  },
  {
    name: 'second-machine-after-lost-response',
    bug: 'An attempt after the first uses another name, so a lost response leads to a second machine.',
    changes: [
      {
        file: agentActivities,
        find: 'const reference = machineReference(identity.agent, machine);\n    const own = ownTags(identity, workflowId);\n\n    const finished',
        replace:
          'const reference = machineReference(attempt > 1 ? `${identity.agent}-${attempt}` : identity.agent, machine);\n    const own = ownTags(identity, workflowId);\n\n    const finished',
      },
    ],
  },
  {
    name: 'leftovers-not-removed',
    bug: 'Nobody looks for the parts of a machine that never came to be: neither the agent nor the auditor.',
    changes: [
      {
        file: agentActivities,
        find: 'await removeLeftovers(azure, machine.subscriptionId, own, signal);',
        replace: '',
      },
      {
        file: 'domain/audit/compare.ts',
        find: 'if (!first || !owner || openAgents.has(owner.agent)) continue;',
        replace:
          "if (!first || !owner || openAgents.has(owner.agent) || resources.every((one) => ownedKind(one) !== 'machine')) continue;",
      },
    ],
  },
  {
    name: 'machine-not-deleted',
    bug: 'A return deregisters the agent and forgets its machine.',
    changes: [
      {
        file: agentActivities,
        find: 'if (existing && (await isOwn(azure, existing, own, signal))) {',
        replace: 'if (existing && (await isOwn(azure, existing, own, signal)) && existing.name === undefined) {',
      },
      {
        file: agentActivities,
        find: 'await removeLeftovers(azure, machine.subscriptionId, own, signal);',
        replace: '',
      },
    ],
  },
  {
    name: 'cap-off-by-one',
    bug: 'One agent more than the maximum is created.',
    changes: [
      {
        file: 'domain/planning/allot.ts',
        find: 'const room = Math.max(0, maximum - agents.length);',
        replace: 'const room = Math.max(0, maximum + 1 - agents.length);',
      },
      {
        file: 'domain/planning/allot.ts',
        find: 'const places = Math.max(0, maximum - staying);',
        replace: 'const places = Math.max(0, maximum + 1 - staying);',
      },
    ],
  },
  {
    name: 'returning-not-counted',
    bug: 'Machines on their way out do not count towards the maximum.',
    changes: [
      {
        file: 'domain/planning/allot.ts',
        find: 'const room = Math.max(0, maximum - agents.length);',
        replace: "const room = Math.max(0, maximum - agents.filter(({ phase }) => phase !== 'returning').length);",
      },
    ],
  },
  {
    name: 'creating-not-counted',
    bug: 'Agents in creation are not reserved for the demand that caused them, so each look creates anew.',
    changes: [
      {
        file: 'domain/planning/allot.ts',
        find: 'const unmet = Math.max(0, queued - ready - creating);',
        replace: 'const unmet = Math.max(0, queued - ready);',
      },
    ],
  },
  {
    name: 'creating-counted-as-ready',
    bug: 'An agent counts as ready as soon as it is seen, connected or not.',
    changes: [
      {
        file: poolWorkflow,
        find: "this.state.roster.push({ n: name, i: image, p: 'creating', s: now, ...lifeOf(specification, now) });",
        replace: "this.state.roster.push({ n: name, i: image, p: 'ready', s: now, ...lifeOf(specification, now) });",
      },
      {
        file: 'domain/pool-state.ts',
        find: "return isDone ? 'returning' : 'offline';",
        replace: "return isDone ? 'returning' : 'ready';",
      },
    ],
  },
  {
    name: 'reuse-without-clean-image',
    bug: 'A stateless machine goes on to the next job after its first.',
    changes: [
      { file: 'activities/azure/custom-data.ts', find: "${once ? ' --once' : ''}", replace: '' },
      {
        file: agentWorkflow,
        find: 'const disabling = this.disable();',
        replace: 'const disabling = Promise.resolve();',
      },
      {
        file: agentWorkflow,
        find: "if (this.facets.registration === 'disabled') return 'it served its job';",
        replace: '',
      },
      {
        file: agentWorkflow,
        find: "if ((await life.giveBack(why)) === 'returned') break;",
        replace: "if (next.kind === 'end' && (await life.giveBack(why)) === 'returned') break;",
      },
    ],
  },
  {
    name: 'lease-per-agent',
    bug: 'The id of a lease holds the agent, so one job request can have two leases.',
    changes: [
      {
        file: agentWorkflow,
        find: 'workflowId: workflowIds.lease(organization, job.requestId),',
        replace:
          'workflowId: `${workflowIds.lease(organization, job.requestId)}-${this.served.length}${identity.agent}`,',
      },
    ],
  },
  {
    name: 'lease-never-expires',
    bug: 'The longest life of a lease is not enforced.',
    changes: [
      {
        file: 'workflows/lease.ts',
        find: 'this.expiresAt = Date.now() + input.limits.leaseMs;',
        replace: 'this.expiresAt = Date.now() + 100 * input.limits.leaseMs;',
      },
    ],
  },
  {
    name: 'lease-forgets-the-loss',
    bug: 'The lease of a job that Azure DevOps gave up says that the job finished.',
    changes: [
      {
        file: 'domain/lease.ts',
        find: "if (result !== 'abandoned') return { outcome: 'finished' };",
        replace: "if (result !== 'canceled') return { outcome: 'finished' };",
      },
    ],
  },
  {
    name: 'lifetime-not-enforced',
    bug: 'An idle agent lives beyond its longest life.',
    changes: [
      {
        file: 'workflows/agent/waits.ts',
        find: "return { wait: limits.lifetimeMs, summary: 'longest wait for a job'",
        replace: "return { wait: 100 * limits.lifetimeMs, summary: 'longest wait for a job'",
      },
    ],
  },
  {
    name: 'woken-beyond-maximum',
    bug: 'An agent that is being woken does not count towards the maximum.',
    changes: [
      {
        file: 'domain/planning/tally.ts',
        find: "agents: agents.filter(({ phase }) => phase !== 'parked'),",
        replace: "agents: agents.filter(({ phase }) => phase !== 'parked' && phase !== 'waking'),",
      },
    ],
  },
  {
    name: 'connect-limit-forgotten',
    bug: 'A machine whose agent never connects is kept.',
    changes: [
      { file: 'workflows/agent/waits.ts', find: 'wait: limits.connectMs,', replace: 'wait: 1_000 * limits.connectMs,' },
    ],
  },
  {
    name: 'silence-ignored',
    bug: 'An agent that went silent is kept for ever.',
    changes: [
      {
        file: 'workflows/agent/waits.ts',
        find: 'wait: limits.offlineMs,',
        replace: 'wait: 10_000 * limits.offlineMs,',
      },
    ],
  },
  {
    name: 'report-lost',
    bug: 'An agent that failed does not tell its pool.',
    changes: [
      {
        file: agentWorkflow,
        find: 'await getExternalWorkflowHandle(workflowIds.pool(this.input.identity.pool)).signal(agentReported, report);',
        replace:
          "if (report.outcome === 'returned') await getExternalWorkflowHandle(workflowIds.pool(this.input.identity.pool)).signal(agentReported, report);",
      },
    ],
  },
  {
    name: 'roster-lost-at-continue-as-new',
    bug: 'Agents in creation are forgotten when the pool continues as new.',
    changes: [
      {
        file: poolWorkflow,
        find: 'continueAsNew<typeof pool>({ ...input, state: life.state });',
        replace:
          "continueAsNew<typeof pool>({ ...input, state: { ...life.state, roster: life.state.roster.filter(({ p }) => p !== 'creating') } });",
      },
    ],
  },
  {
    name: 'update-ids-lost-at-continue-as-new',
    bug: 'An update that is sent again after the pool continued as new is done twice.',
    changes: [
      {
        file: poolWorkflow,
        find: 'continueAsNew<typeof pool>({ ...input, state: life.state });',
        replace: 'continueAsNew<typeof pool>({ ...input, state: { ...life.state, recentUpdateIds: [] } });',
      },
    ],
  },
  {
    name: 'stale-observation-accepted',
    bug: 'An older observation replaces a newer one.',
    changes: [
      {
        file: 'domain/pool-state.ts',
        find: 'if (observation.sequence <= state.sequence) return false;',
        replace: '',
      },
      {
        file: agentWorkflow,
        find: 'if (observation.sequence <= (this.observation?.sequence ?? 0)) return;',
        replace: 'if (observation.sequence > (this.observation?.sequence ?? Infinity)) return;',
      },
    ],
  },
  {
    name: 'hold-never-ends',
    bug: 'After a failure an image is held back for ever.',
    changes: [
      {
        file: 'domain/pool-state.ts',
        find: '{ image, until: now + hold,',
        replace: '{ image, until: now + 1_000 * hold,',
      },
    ],
  },
  {
    name: 'pool-deleted-over-its-agents',
    bug: 'A pool that is deleted does not wait for its agents.',
    changes: [
      {
        file: poolWorkflow,
        find: "if (this.state.status === 'Deleting' && this.state.roster.length === 0) await this.remove();",
        replace: "if (this.state.status === 'Deleting') await this.remove();",
      },
    ],
  },
  {
    name: 'observer-not-asserted',
    bug: 'A pool whose observer was lost does not ask for another.',
    changes: [
      {
        file: 'workflows/organization.ts',
        find: 'await condition(interrupted, retryAfterFailureMs, {',
        replace: 'await condition(interrupted, 1_000 * retryAfterFailureMs, {',
      },
    ],
  },
  {
    name: 'failed-delivery-forgotten',
    bug: 'What could not be delivered to an agent is not told again.',
    changes: [
      {
        file: 'activities/temporal/activities.ts',
        find: "if (error instanceof WorkflowNotFoundError) return 'notFound';\n    throw error;",
        replace: "void error;\n    return 'notFound';",
      },
    ],
  },
  {
    name: 'audit-without-age-or-proof',
    bug: 'The auditor removes what it sees once, however young, and does not ask whether its workflow is open.',
    changes: [
      {
        file: 'domain/audit/plan.ts',
        find: 'return now - (since ?? firstSeenAt) >= newbornMs;',
        replace: 'return now - (since ?? firstSeenAt) >= -newbornMs;',
      },
      {
        file: 'domain/audit/compare.ts',
        find: 'if (!first || !owner || openAgents.has(owner.agent)) continue;',
        replace: 'if (!first || !owner) continue;',
      },
      {
        file: 'activities/audit/repair.ts',
        find: "if ((await standingOf(client, owner)) === 'open') return notNeeded('its workflow is open');",
        replace: '',
      },
    ],
  },
  {
    name: 'audit-blind-to-registrations',
    bug: 'The auditor does not see registrations that nobody owns.',
    changes: [
      {
        file: 'domain/audit/compare.ts',
        find: 'if (!isAgentName(name) || openAgents.has(name) || owned.has(owner.workflowId)) continue;',
        replace: 'if (isAgentName(name)) continue;',
      },
    ],
  },
  {
    name: 'nondeterministic-workflow',
    bug: 'An agent’s workflow does something else when it is replayed.',
    changes: [
      {
        file: agentWorkflow,
        find: 'summary: `create ${identity.agent} (${machine.vmSize}, ${this.image.name})`,',
        replace: 'summary: `create ${identity.agent} ${workflowInfo().unsafe.isReplaying ? 1 : 2}`,',
      },
    ],
  },
  {
    name: 'secret-in-heartbeat',
    bug: 'The private key of an agent gets into what its attempts hand to each other.',
    changes: [
      {
        file: agentActivities,
        find: 'progress.note({ key: key.fingerprint });',
        replace: 'progress.note({ key: key.parameters.d });',
      },
    ],
  },
  {
    name: 'unknown-error',
    bug: 'A failure reaches users with a code that no catalogue explains.',
    changes: [
      {
        file: 'domain/pool-state.ts',
        find: 'code: failure.code, message',
        replace: 'code: `Oops${failure.code}`, message',
      },
    ],
  },
];
