/** See there: access logs, which stand below, name them too. */
export * from '../observe/tls-properties.ts'
