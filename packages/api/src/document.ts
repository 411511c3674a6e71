/** YAML and JSON with the place of every value, for formats that have no schema in protobuf. */
export { parseDocument } from './document/parse-document.ts'
export { readText } from './document/read-text.ts'
export {
  describeSource,
  type Place,
  type SourceEntry,
  type SourceNode,
  sourceToJson,
} from './document/source-node.ts'
export { formatProblem, type Problem } from './model/problem.ts'
export { didYouMean } from './schema/did-you-mean.ts'
export { ProblemList, type Spot } from './schema/problem-list.ts'
