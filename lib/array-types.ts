/** Types of the functions over tensors in memory: their options, and what they return. */
import type { FloatDtype } from "./format/dtype.ts";
import type { ComputeOptions } from "./run/backend.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor, or a Float32Array that stands for a one-dimensional F32 tensor. */
export type TensorLike = Tensor | Float32Array;

/** Options of every function here. */
export interface ArrayOptions extends ComputeOptions {
  /** Dtype of the result; default: the base's, else the first input's. */
  dtype?: FloatDtype;
  /** Cancels the promise form. */
  signal?: AbortSignal;
}

export interface LinearOptions extends ArrayOptions {
  /** One weight for all, or one for each model; default 1. */
  weight?: number | readonly number[];
  /** Divide by the sum of the weights; default true. */
  normalize?: boolean;
}

export interface SlerpOptions extends ArrayOptions {
  /** 0 gives the first tensor, 1 the second. */
  t: number;
}

export interface TaskArithmeticOptions extends ArrayOptions {
  /** The tensor that all models started from. */
  base: TensorLike;
  weight?: number | readonly number[];
  /** Divide by the sum of the weights; default as in the method of the same name. */
  normalize?: boolean;
  /** Factor on the combined delta; default 1. */
  lambda?: number;
}

export interface TiesOptions extends TaskArithmeticOptions {
  /** Share of each delta to keep, one for all or one for each model; default 1. */
  density?: number | readonly number[];
  /** Restore the L1 norm lost by sparsification. */
  rescale?: boolean;
}

export interface DareOptions extends TiesOptions {
  /** Elect signs as TIES does (dare_ties) instead of adding (dare_linear); default false. */
  ties?: boolean;
  /** Seed of the masks; default 0. */
  seed?: number | bigint;
  /** Name that enters the random key, as a tensor's name does in a merge; default "". */
  name?: string;
}

/** Options of `mergeTensors`, the form in which every method can be called. */
export interface MergeTensorsOptions extends ArrayOptions {
  base?: TensorLike;
  /** The method's parameters by name; a per-model one may be a list with a value for each model. */
  parameters?: Readonly<Record<string, number | boolean | readonly number[]>>;
  /** Seed of random choices; default 0. */
  seed?: number | bigint;
  /** Source of random numbers; see `MergeOptions.random`. */
  random?: "philox" | "torch-cpu";
  /** Name that enters the random key, as a tensor's name does in a merge; default "". */
  name?: string;
}

/**
 * What a function returns for models of type M: a Float32Array for Float32Arrays as long as the
 * result is F32 (by `dtype` D, else by the base B), a tensor for tensors.
 */
export type Merged<M extends TensorLike, D, B = Float32Array> = M extends Float32Array
  ? D extends FloatDtype
    ? D extends "F32"
      ? Float32Array
      : Tensor
    : B extends Float32Array
      ? Float32Array
      : TensorLike
  : Tensor;

type Dtype = FloatDtype | undefined;
type WithDtype<O, D> = O & { dtype?: D };
type WithBase<O, D, B> = O & { dtype?: D; base: B };

/** Called for the result now, or by `.async` for a promise of it; so are the others here. */
export interface LinearFunction {
  <M extends TensorLike, D extends Dtype = undefined>(
    models: readonly M[],
    options?: WithDtype<LinearOptions, D>,
  ): Merged<M, D>;
  async<M extends TensorLike, D extends Dtype = undefined>(
    models: readonly M[],
    options?: WithDtype<LinearOptions, D>,
  ): Promise<Merged<M, D>>;
}

export interface SlerpFunction {
  <M extends TensorLike, D extends Dtype = undefined>(
    a: M,
    b: TensorLike,
    options: WithDtype<SlerpOptions, D>,
  ): Merged<M, D>;
  async<M extends TensorLike, D extends Dtype = undefined>(
    a: M,
    b: TensorLike,
    options: WithDtype<SlerpOptions, D>,
  ): Promise<Merged<M, D>>;
}

/** A function of models that started from one base. */
export interface TaskFunction<O extends TaskArithmeticOptions> {
  <M extends TensorLike, B extends TensorLike, D extends Dtype = undefined>(
    models: readonly M[],
    options: WithBase<O, D, B>,
  ): Merged<M, D, B>;
  async<M extends TensorLike, B extends TensorLike, D extends Dtype = undefined>(
    models: readonly M[],
    options: WithBase<O, D, B>,
  ): Promise<Merged<M, D, B>>;
}

export interface MergeFunction {
  <M extends TensorLike, D extends Dtype = undefined, B extends TensorLike = Float32Array>(
    method: string,
    models: readonly M[],
    options?: WithDtype<MergeTensorsOptions, D> & { base?: B },
  ): Merged<M, D, B>;
  async<M extends TensorLike, D extends Dtype = undefined, B extends TensorLike = Float32Array>(
    method: string,
    models: readonly M[],
    options?: WithDtype<MergeTensorsOptions, D> & { base?: B },
  ): Promise<Merged<M, D, B>>;
}
