export { CounterError } from './counters/counter.ts'
export type { RedisClientOptions, RedisTls } from './counters/redis-client.ts'
export { parseRedisTarget, REDIS_TYPES, type RedisTarget, type RedisType } from './counters/redis-target.ts'
export { FAILURE_MODES, type FailureMode } from './failure-mode.ts'
export { RulesError } from './rules/parse-rules.ts'
export {
  type ListenAddress,
  type RateLimitRedis,
  type RateLimitServer,
  type RateLimitServerOptions,
  startRateLimitServer,
} from './server.ts'
