/** The pages of the reference. */

import type { ApiFile } from './api.ts'
import { readApi } from './read-api.ts'
import { linksTo, writePage } from './write-page.ts'

export interface ApiPage {
  /** Relative to the root of the repository. */
  readonly file: string
  readonly files: readonly ApiFile[]
  readonly text: string
}

/** In which order the files of the contract are shown; others come behind them. */
const READING_ORDER = ['codec', 'message', 'receive-buffer', 'byte-writer', 'failure', 'filter']

/** Reads the sources and makes all pages. */
export function makeApiPages(): readonly ApiPage[] {
  const sdk = inReadingOrder(readApi('packages/sdk', 'src/index.ts'))
  const testing = readApi('packages/sdk', 'src/testing/index.ts')
  return [
    {
      file: 'docs/api/sdk.md',
      files: sdk,
      text: writePage({
        module: '@meltemi/sdk',
        about: `What codecs and filters are made with; [Write a codec](../write-a-codec.md) and
[Write a filter](../write-a-filter.md) show it by example.`,
        files: sdk,
        links: new Map(),
      }),
    },
    {
      file: 'docs/api/sdk-testing.md',
      files: testing,
      text: writePage({
        module: '@meltemi/sdk/testing',
        about: 'What codecs are judged with.',
        files: testing,
        links: linksTo(sdk, 'sdk.md'),
      }),
    },
  ]
}

function inReadingOrder(files: readonly ApiFile[]): readonly ApiFile[] {
  const place = ({ name }: ApiFile): number => READING_ORDER.indexOf(name) + 1 || READING_ORDER.length + 1
  return files.toSorted((a, b) => place(a) - place(b))
}
