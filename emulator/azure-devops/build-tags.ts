import { Refusal } from './errors.ts';
import { asList, asObject } from './input.ts';
import { collection, type Answer, type Call, type Operation } from './operation.ts';
import type { RequestRecord } from './records.ts';

/** Words on a build that everybody who sees it sees. REST reference: Build, Tags. */
export function buildTagOperations(
  below: (rest: string) => string[],
  buildOf: (call: Call) => RequestRecord,
): Operation[] {
  const change = (call: Call, add: readonly string[], remove: readonly string[] = []): Answer => {
    const request = buildOf(call);
    const gone = new Set(remove.map((tag) => tag.toLowerCase()));
    const kept = (request.build.tags ?? []).filter((tag) => !gone.has(tag.toLowerCase()));
    const known = new Set(kept.map((tag) => tag.toLowerCase()));
    const added = add.filter((tag) => !known.has(tag.toLowerCase()) && known.add(tag.toLowerCase()));
    const tags = [...kept, ...added];
    call.organization.requests.put({ ...request, build: { ...request.build, tags } });
    return collection(tags);
  };
  return [
    {
      name: 'BuildTags_List',
      method: 'GET',
      paths: below('/tags'),
      run: (call) => collection(buildOf(call).build.tags ?? []),
    },
    {
      name: 'BuildTags_Add',
      method: 'POST',
      paths: below('/tags'),
      run: (call) => change(call, asList(call.body).map(checked)),
    },
    {
      name: 'BuildTags_Update',
      method: 'PATCH',
      paths: below('/tags'),
      run(call) {
        const { tagsToAdd, tagsToRemove } = asObject(call.body);
        return change(call, asList(tagsToAdd ?? []).map(checked), asList(tagsToRemove ?? []).map(checked));
      },
    },
  ];
}

/** Not confirmed: which characters the server refuses, and how long a tag may be; the product's page splits at commas. */
function checked(tag: unknown): string {
  if (typeof tag === 'string' && tag.trim() !== '' && tag.length <= 256 && !/[,;]/.test(tag)) return tag.trim();
  throw new Refusal('VssPropertyValidationException', `The tag ${JSON.stringify(tag)} is not valid.`);
}
