/** docs/compatibility.md as text, from the facts. */

import { CONTRACT, CONTRACT_VERSIONS } from '@meltemi/proxy'
import type { FrozenModule } from './frozen.ts'
import { ABSENT, MODES, type Mode, OLDER, type Trial, versions } from './mesh.ts'
import { PROMISED_MEMBERS, PROMISED_NAMES } from './promised.ts'

export interface CompatibilityFacts {
  /** What came of loading each module that is kept. */
  readonly outcomes: readonly { readonly module: FrozenModule; readonly outcome: string }[]
  /** What a codec may leave out, with a question mark in the contract. */
  readonly optionalHooks: readonly string[]
  readonly optionalFields: readonly string[]
}

/** The whole page. */
export function compatibilityPage({ outcomes, optionalHooks, optionalFields }: CompatibilityFacts): string {
  return `# Compatibility

Which codecs run on which proxy, and what was tried with [Kubernetes and Istio](#kubernetes-and-istio).
\`tests/compatibility.test.ts\` writes this page from what happens when codecs that were built long ago are loaded, and fails
when the page says anything else:
\`UPDATE_DOCS=1 npm test -- tests/compatibility.test.ts\` writes it again.

## Contracts

A codec states the version of the contract that it was written for: \`contract: ${CONTRACT}\`. A proxy runs the codecs of the
contracts that it knows how to run, and refuses others when they are loaded, in one line that says why and what to do.

| contract | @meltemi/sdk | this proxy | what has changed |
|---|---|---|---|
${CONTRACT_VERSIONS.map(
  ({ contract, sdk, runs, change }) =>
    `| ${contract} | ${sdk} | ${runs ? 'runs it' : 'refuses it'} | ${change || 'the first'} |`,
).join('\n')}

## What was tried

Modules that were built for a contract once and are kept as they were, in \`tests/compatibility/testdata\`. Those that run
serve real clients in \`tests/e2e/frozen-codecs.test.ts\`.

| built for | by | sha256 | what this proxy does |
|---|---|---|---|
${outcomes
  .map(
    ({ module, outcome }) =>
      `| ${module.contract} | ${module.origin} | \`${module.sha256.slice(0, 16)}…\` | ${outcome} |`,
  )
  .join('\n')}

## What is promised

- **A number.** \`contract\` changes when a codec that worked would not work any more, and only then. A new optional hook, a
  new name or a new member is no such change.
- **Versions.** All packages of Meltemi have one version. A patch version never changes the contract; a minor version may
  before 1.0, from 1.0 on only a major version may.
- **Packed codecs.** \`meltemi codec pack\` makes a module with its own copy of the sdk. It works because nothing asks
  whether an object is of one's own copy: numbers and texts are compared, and errors are known by their name,
  \`ProtocolError\`.
- **What may be left out.** A proxy to come may know more hooks than these, and does without them:
  - of a codec ${listOf(optionalHooks)},
  - of its definition ${listOf(optionalFields)}.
- **Filters** state no contract. For them the same names and members are promised.

What \`@meltemi/sdk\` exports:

${wrap(PROMISED_NAMES)}

What codecs and filters find on the objects that they are called with:

| object | members |
|---|---|
${Object.entries(PROMISED_MEMBERS)
  .map(([name, members]) => `| \`${name}\` | ${listOf(members)} |`)
  .join('\n')}

Whatever else is there belongs to the proxy, and may change in any version. So may \`@meltemi/sdk/testing\`: it judges codecs
by today's rules.

${meshSection()}`
}

function meshSection(): string {
  const { kubernetes, istio } = versions()
  return `## Kubernetes and Istio

Tried are Kubernetes ${kubernetes} and of Istio ${istio}: \`scripts/setup-interop.sh\` builds
both from their modules. Kubernetes ${OLDER.version} was built in the same way by hand, and the same tests were run with it
(${OLDER.day}). All other versions are untried. [How packets reach Meltemi](packet-paths.md) tells what each way needs.

| mode | Kubernetes ${kubernetes} | ${OLDER.version}, by hand | Istio |
|---|---|---|---|
${MODES.map(modeRow).join('\n')}

## What could not be tried

On a small machine that reaches npm, PyPI, Maven Central, Go's module proxy, crates.io and Debian, and nothing else:

| what | why not | what stands in for it |
|---|---|---|
${ABSENT.map(({ what, why, instead }) => `| ${what} | ${why} | ${instead} |`).join('\n')}
`
}

function modeRow({ mode, kubernetes, older = 'untried', istio }: Mode): string {
  return `| ${mode} | ${trialText(kubernetes)} | ${older} | ${trialText(istio)} |`
}

function trialText(trial: Trial): string {
  return 'untried' in trial ? trial.untried : `tried: \`${trial.file}\``
}

function listOf(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

/** Such a list in lines of up to 120 characters. */
function wrap(names: readonly string[]): string {
  return listOf(names)
    .replaceAll(/(.{1,119})(?: |$)/g, '$1\n')
    .trimEnd()
}
