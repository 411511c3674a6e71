import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf'

/** Fields from which a message is created, to be put together from several places. */
export type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, Message>
