/**
 * THE list: every codec and filter that comes with `meltemi`. This file is itself a module as `--module` takes them,
 * since worker threads load their codecs by path.
 */

import { fileURLToPath } from 'node:url'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { brpc } from '@meltemi/codecs/brpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { trpc } from '@meltemi/codecs/trpc'
import { proxyFilters } from '@meltemi/proxy/filters'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'

export const codecs: readonly CodecDefinition[] = [awesomerpc, brpc, dubbo, thrift, trpc]

export const filters: readonly FilterDefinition[] = [...proxyFilters]

/** This file, for threads that load it again. */
export const builtInModule: string = fileURLToPath(import.meta.url)
