/** Properties of messages that the proxy itself reads or sets. */

/** Of a request; says also whether it is traced, see RequestIds. */
export const REQUEST_ID = 'x-request-id'
/** What the listener calls its protocol; routes can match it. */
export const APPLICATION_PROTOCOL = 'x-meta-protocol-application-protocol'
/** `ip:port` of the endpoint that a message went to, or came from. */
export const SERVER_ADDRESS = 'x-meta-protocol-real-server-address'
