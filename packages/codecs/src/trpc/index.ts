export { trpc } from './codec.ts'
