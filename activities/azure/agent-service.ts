/** Name of the unit that runs the agent. */
const unit = 'azure-pipelines-agent.service';

/**
 * The systemd unit of an agent that runs one job after the other, as an entry of cloud-init's `write_files`. cloud-init
 * runs its commands on the first boot only; a unit that is enabled comes up with every later one. The agent gets
 * the signal to stop and so signs off before its machine is deallocated. It is not restarted: an agent that ended by
 * itself is not to be trusted with another job.
 */
export function agentService({ folder, user }: { folder: string; user: string }) {
  const content = [
    '[Unit]',
    'Description=Azure Pipelines agent',
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    `User=${user}`,
    `WorkingDirectory=${folder}`,
    `ExecStart=${folder}/run.sh`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
  return {
    path: `/etc/systemd/system/${unit}`,
    encoding: 'b64',
    content: Buffer.from(content).toString('base64'),
    permissions: '0644',
  };
}

/** Enables the unit for later boots, and starts it without waiting for it: cloud-init itself is part of this boot. */
export const startAgentService = ['systemctl', 'enable', '--now', '--no-block', unit];
