/**
 * Node's HTTP. An `import` from `node:http`, of whatever name, has Node make all names that are there, and for `WebSocket` it
 * loads another client for HTTP that nobody uses: some MiB in each thread, and 20 ms.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http')
