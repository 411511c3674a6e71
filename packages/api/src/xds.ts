/** What a client and a server of xDS share: the services and their messages, in protobuf, and the names of resource types. */
export { RESOURCE_TYPES, type ResourceType } from './resource-types.ts'
