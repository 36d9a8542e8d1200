import { objectAt, tagsOf, textAt } from './body.ts';
import { ArmError, resourceNotFound } from './errors.ts';
import type { Gateway } from './gateway.ts';
import { groupOf } from './machines/routes.ts';
import { resourceId, type ArmState } from './state.ts';

/**
 * Adds `Tags - Update At Scope` for resources that are nobody's child. Source: REST reference of Microsoft.Resources,
 * 2021-04-01: `Merge` adds and overwrites, `Replace` sets all, `Delete` removes those whose name and value match.
 * Assumed: it meets no conflict with an operation that is under way.
 */
export function addTagRoutes(gateway: Gateway, state: ArmState): void {
  gateway.add({
    method: 'PATCH',
    path: '/subscriptions/:subscription/resourcegroups/:group/providers/:provider/:type/:name/providers/microsoft.resources/tags/default',
    operation: 'Tags_UpdateAtScope',
    handler(call) {
      const type = `${call.param('provider')}/${call.param('type')}`;
      const id = resourceId(call.subscriptionId, groupOf(state, call).name, type, call.param('name'));
      const machine = state.machines.get(id);
      const record = machine ?? state.resources.get(id);
      if (record === undefined) throw resourceNotFound(type, call.param('name'), call.param('group'));
      const tags = changed(record.tags, call.body);
      if (machine === undefined) state.saveResource({ ...record, tags });
      else state.saveMachine({ ...machine, tags });
      const scope = `${record.id}/providers/Microsoft.Resources/tags/default`;
      return {
        status: 200,
        body: { id: scope, name: 'default', type: 'Microsoft.Resources/tags', properties: { tags } },
      };
    },
  });
}

/** Names of tags are compared without regard to case, values with. */
function changed(before: Readonly<Record<string, string>>, body: Record<string, unknown>): Record<string, string> {
  const given = tagsOf(objectAt(body, 'properties'));
  const isGiven = (name: string, value?: string): boolean =>
    Object.entries(given).some(
      ([other, wanted]) => other.toLowerCase() === name.toLowerCase() && (value === undefined || wanted === value),
    );
  const without = (except: (name: string, value: string) => boolean) =>
    Object.fromEntries(Object.entries(before).filter(([name, value]) => !except(name, value)));
  const operation = textAt(body, 'operation');
  switch (operation) {
    case 'Merge':
      return tagsOf({ tags: { ...without((name) => isGiven(name)), ...given } });
    case 'Replace':
      return given;
    case 'Delete':
      return without(isGiven);
    default:
      throw new ArmError(400, {
        code: 'InvalidTagPatchOperation',
        message: `The operation '${operation ?? ''}' must be Merge, Replace or Delete.`,
      });
  }
}
