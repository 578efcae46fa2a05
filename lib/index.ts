/** The public surface of weightloom. */
export type {
  ArrayOptions,
  DareOptions,
  LinearFunction,
  LinearOptions,
  Merged,
  MergeFunction,
  MergeTensorsOptions,
  SlerpFunction,
  SlerpOptions,
  TaskArithmeticOptions,
  TaskFunction,
  TensorLike,
  TiesOptions,
} from "./array-types.ts";
export { dare, linear, mergeTensors, slerp, taskArithmetic, ties } from "./arrays.ts";
export { type AverageOptions, average } from "./average.ts";
export {
  type ConvertOptions,
  convert,
  type DtypeName,
  type ReshardOptions,
  reshard,
  type WriteOptions,
} from "./convert.ts";
export type { TensorDifference, TensorTogether } from "./diff/numbers.ts";
export { diffPage } from "./diff/page.ts";
export {
  type Diff,
  type DiffMismatch,
  type DiffOptions,
  type DiffTensor,
  diff,
} from "./diff.ts";
export { ERROR_CODES, type ErrorCode, MergeError, type Place, type Problem } from "./errors.ts";
export type { Download } from "./hub/download.ts";
export type { HubModelOptions } from "./hub/options.ts";
export { type InspectedTensor, type Inspection, inspect } from "./inspect.ts";
export {
  type MergeOptions,
  type MergeResult,
  merge,
  type NonfiniteTensor,
  type PlanRecipeOptions,
  plan,
  type ResolvedDocument,
  resolveParameters,
} from "./merge.ts";
export {
  type Combine,
  type CustomMethod,
  type CustomMethodSpec,
  type CustomTile,
  defineMethod,
} from "./methods/custom.ts";
export type { ParameterSpec } from "./methods/types.ts";
export { type OpenedModel, openModel } from "./model.ts";
export { explain } from "./plan/explain.ts";
export type { ResolvedTensor } from "./plan/resolved.ts";
export type { Intermediate, Operation, Plan, PlanStep, Trim } from "./plan/types.ts";
export type { Progress, Watched } from "./progress.ts";
export {
  type Ingredients,
  type MethodParameters,
  type RecipeBuilders,
  recipe,
} from "./recipe-builder.ts";
export type { RecipeObject } from "./recipe-object.ts";
export { type BackendInfo, backendInfo } from "./run/backend.ts";
export { type CudaDevice, type CudaInfo, cudaInfo } from "./run/device.ts";
export type { RecipeInput } from "./run/recipe.ts";
export { type Tensor, type TensorData, tensor } from "./tensor.ts";
export {
  type Verification,
  type VerifiedTensor,
  type VerifyOptions,
  verify,
} from "./verify.ts";
export { version } from "./version.ts";
