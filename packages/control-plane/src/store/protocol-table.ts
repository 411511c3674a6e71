import { type ApplicationProtocol, describeResource, keyOf, type ResourceKey } from '@meltemi/api'
import { compareAge } from './precedence.ts'
import type { CodecModule, ProtocolView, StatusNote } from './world.ts'

/** A protocol that is there without a resource, unless one says otherwise. */
export interface DefaultProtocol {
  readonly protocol: string
  /** Registered name of the codec. */
  readonly codec: string
}

/** What became of the module of an ApplicationProtocol. */
export interface ModuleState {
  /** The last good one; undefined: there was none yet. */
  readonly module: CodecModule | undefined
  /** Why what the resource wants now is not there; empty: it is. */
  readonly problem: string
  /** It may still come: nothing has failed yet. */
  readonly isPending: boolean
}

export type ModuleStates = ReadonlyMap<ResourceKey, ModuleState>

export interface ProtocolInputs {
  readonly resources: readonly ApplicationProtocol[]
  readonly defaults: readonly DefaultProtocol[]
  readonly modules: ModuleStates
  /** Views that would be the same again are taken over. */
  readonly previous: ReadonlyMap<string, ProtocolView>
}

export interface ProtocolTable {
  /** By name of the protocol. */
  readonly protocols: ReadonlyMap<string, ProtocolView>
  readonly notes: readonly StatusNote[]
}

/** Which codec speaks which protocol: of resources for the same protocol, or with different modules for the same codec, the oldest counts. */
export function buildProtocols({ resources, defaults, modules, previous }: ProtocolInputs): ProtocolTable {
  const notes: StatusNote[] = []
  const protocols = new Map<string, ProtocolView>()
  const moduleOwners = new Map<string, ProtocolView>()
  for (const origin of resources.toSorted(compareAge)) {
    const owner = protocols.get(origin.spec.protocol)?.origin
    if (owner !== undefined) notes.push(sameProtocol(origin, owner))
    else {
      const view = viewOf(origin, { defaults, modules, notes, moduleOwners })
      protocols.set(view.name, keep(previous.get(view.name), view))
    }
  }
  for (const { protocol, codec } of defaults) {
    const view = { name: protocol, codec, origin: undefined, module: undefined, isReady: true }
    if (!protocols.has(protocol)) protocols.set(protocol, keep(previous.get(protocol), view))
  }
  return { protocols, notes }
}

interface ViewContext extends Pick<ProtocolInputs, 'defaults' | 'modules'> {
  readonly notes: StatusNote[]
  /** By codec. */
  readonly moduleOwners: Map<string, ProtocolView>
}

function viewOf(origin: ApplicationProtocol, context: ViewContext): ProtocolView {
  const codec = registeredName(origin.spec.codec, context.defaults)
  const base = { name: origin.spec.protocol, codec, origin }
  if (origin.spec.module === undefined) return { ...base, module: undefined, isReady: true }
  const state = context.modules.get(keyOf(origin))
  if (state === undefined || state.problem !== '') context.notes.push(moduleNote(origin, state))
  const module = state?.module
  const view = { ...base, module, isReady: module !== undefined }
  const owner = context.moduleOwners.get(plainName(codec))
  if (owner?.module === undefined || module === undefined || owner.module.digest === module.digest) {
    if (owner === undefined && module !== undefined) context.moduleOwners.set(plainName(codec), view)
    return view
  }
  context.notes.push(sameCodec(origin, owner))
  return { ...view, module: undefined, isReady: false }
}

/** The spelling of a codec that we know; any other is as written. */
function registeredName(codec: string, defaults: readonly DefaultProtocol[]): string {
  const plain = plainName(codec)
  return defaults.find((each) => plainName(each.codec) === plain)?.codec ?? codec
}

/** Hyphens and underscores are the same. */
function plainName(codec: string): string {
  return codec.replaceAll('_', '-')
}

function keep(previous: ProtocolView | undefined, view: ProtocolView): ProtocolView {
  const isSame =
    previous !== undefined &&
    previous.codec === view.codec &&
    previous.origin === view.origin &&
    previous.module === view.module &&
    previous.isReady === view.isReady
  return isSame ? previous : view
}

function sameProtocol(loser: ApplicationProtocol, owner: ApplicationProtocol): StatusNote {
  return {
    key: keyOf(loser),
    severity: 'error',
    code: 'duplicate-protocol',
    path: ['spec', 'protocol'],
    message: `${describeResource(owner)} is older and binds protocol ${loser.spec.protocol} already`,
    fix: 'delete one of them',
  }
}

function sameCodec(loser: ApplicationProtocol, owner: ProtocolView): StatusNote {
  const other = owner.origin === undefined ? `protocol ${owner.name}` : describeResource(owner.origin)
  return {
    key: keyOf(loser),
    severity: 'error',
    code: 'duplicate-protocol',
    path: ['spec', 'module'],
    message: `${other} is older and brings codec ${owner.codec} with another digest`,
    fix: 'name the same module in both',
  }
}

function moduleNote(origin: ApplicationProtocol, state: ModuleState | undefined): StatusNote {
  return {
    key: keyOf(origin),
    severity: (state?.isPending ?? true) ? 'warning' : 'error',
    code: 'module-unavailable',
    path: ['spec', 'module'],
    message: state?.problem ?? 'the module is being fetched',
  }
}
