import { constants } from 'node:fs'

/** A pipe that nobody empties must not keep whoever writes to it. */
export const LOG_FILE_FLAGS: number =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY
export const LOG_FILE_MODE = 0o644
