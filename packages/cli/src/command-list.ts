/**
 * THE list of commands, in the order of `meltemi --help`. Each is loaded only when it is called, or when the help is: a
 * process that serves does not carry what judges, fuzzes and packs.
 */

import type { Command } from 'commander'
import type { Console } from './console.ts'

/** Makes a command; what it sets in `result` is the exit code of the process. */
export type CreateCommand = (console: Console, result: { exitCode: number }) => Command

export interface CommandEntry {
  readonly name: string
  /** Of a call that cannot be understood; default 1. */
  readonly usageExitCode?: number
  readonly load: () => Promise<CreateCommand>
}

export interface CommandGroup {
  readonly heading: string
  readonly commands: readonly CommandEntry[]
}

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  {
    heading: 'Run:',
    commands: [
      { name: 'up', load: async () => (await import('./commands/up.ts')).createUpCommand },
      {
        name: 'control-plane',
        load: async () => (await import('./commands/control-plane.ts')).createControlPlaneCommand,
      },
      { name: 'proxy', load: async () => (await import('./commands/proxy.ts')).createProxyCommand },
      { name: 'ratelimit', load: async () => (await import('./commands/ratelimit.ts')).createRateLimitCommand },
    ],
  },
  {
    heading: 'Check resources:',
    commands: [
      { name: 'validate', load: async () => (await import('./commands/validate.ts')).createValidateCommand },
      { name: 'analyze', load: async () => (await import('./commands/analyze.ts')).createAnalyzeCommand },
    ],
  },
  {
    heading: 'Change resources:',
    commands: [
      { name: 'apply', load: async () => (await import('./commands/apply.ts')).createApplyCommand },
      { name: 'delete', load: async () => (await import('./commands/delete.ts')).createDeleteCommand },
      { name: 'diff', usageExitCode: 2, load: async () => (await import('./commands/diff.ts')).createDiffCommand },
    ],
  },
  {
    heading: 'See what is:',
    commands: [
      { name: 'get', load: async () => (await import('./commands/get.ts')).createGetCommand },
      { name: 'describe', load: async () => (await import('./commands/describe.ts')).createDescribeCommand },
      { name: 'route', load: async () => (await import('./commands/route.ts')).createRouteCommand },
      { name: 'proxy-status', load: async () => (await import('./commands/proxy-status.ts')).createProxyStatusCommand },
      { name: 'proxy-config', load: async () => (await import('./commands/proxy-config.ts')).createProxyConfigCommand },
    ],
  },
  {
    heading: 'Make a codec:',
    commands: [{ name: 'codec', load: async () => (await import('./commands/codec.ts')).createCodecCommand }],
  },
]
