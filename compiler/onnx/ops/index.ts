import type { Operator } from '../context.ts'
import { activationOperators } from './activations.ts'
import { affineGrid } from './affine-grid.ts'
import { argMax, argMin } from './arg-reduce.ts'
import { attention } from './attention.ts'
import { averagePool } from './average-pool.ts'
import { batchNormalization } from './batch-normalization.ts'
import { binaryOperators } from './binary.ts'
import { bitCast } from './bit-cast.ts'
import { bitShift } from './bit-shift.ts'
import { cast, castLike } from './cast.ts'
import { causalConvWithState } from './causal-conv-with-state.ts'
import { centerCropPad } from './center-crop-pad.ts'
import { clip } from './clip.ts'
import { col2Im } from './col2im.ts'
import { compress } from './compress.ts'
import { concat } from './concat.ts'
import { constant } from './constant.ts'
import { constantOfShape } from './constant-of-shape.ts'
import { conv } from './conv.ts'
import { convTranspose } from './conv-transpose.ts'
import { cumulative } from './cumulative.ts'
import { deformConv } from './deform-conv.ts'
import { depthToSpace, spaceToDepth } from './depth-space.ts'
import { dequantizeLinear } from './dequantize-linear.ts'
import { det } from './det.ts'
import { dropout } from './dropout.ts'
import { dynamicQuantizeLinear } from './dynamic-quantize-linear.ts'
import { einsum } from './einsum.ts'
import { expand } from './expand.ts'
import { experimentalOperators } from './experimental.ts'
import { eyeLike } from './eye-like.ts'
import { flatten } from './flatten.ts'
import { flexAttention } from './flex-attention.ts'
import { dft, stft } from './fourier.ts'
import { gather } from './gather.ts'
import { gatherElements } from './gather-elements.ts'
import { gatherNd } from './gather-nd.ts'
import { gemm } from './gemm.ts'
import { globalAveragePool, globalMaxPool } from './global-pool.ts'
import { groupNormalization } from './group-normalization.ts'
import { gridSample } from './grid-sample.ts'
import { hardmax } from './hardmax.ts'
import { identity } from './identity.ts'
import { ifOperator } from './if.ts'
import { imageDecoder } from './image-decoder.ts'
import { instanceNormalization } from './instance-normalization.ts'
import { convInteger, matMulInteger, qLinearConv, qLinearMatMul } from './integer-products.ts'
import { layerNormalization, rmsNormalization } from './layer-normalization.ts'
import { negativeLogLikelihoodLoss, softmaxCrossEntropyLoss } from './losses.ts'
import { linearAttention } from './linear-attention.ts'
import { loop } from './loop.ts'
import { lpNormalization } from './lp-normalization.ts'
import { globalLpPool, lpPool } from './lp-pool.ts'
import { lrn } from './lrn.ts'
import { matMul } from './mat-mul.ts'
import { maxPool } from './max-pool.ts'
import { maxRoiPool } from './max-roi-pool.ts'
import { maxUnpool } from './max-unpool.ts'
import { meanVarianceNormalization } from './mean-variance-normalization.ts'
import { microsoftOperators } from './microsoft/index.ts'
import { mlOperators } from './ml/index.ts'
import { nonMaxSuppression } from './non-max-suppression.ts'
import { nonZero } from './non-zero.ts'
import { oneHot } from './one-hot.ts'
import { optionalOperators } from './optional.ts'
import { pad } from './pad.ts'
import { pow } from './pow.ts'
import { prelu } from './prelu.ts'
import { quantizeLinear } from './quantize-linear.ts'
import { randomOperators } from './random.ts'
import { range } from './range.ts'
import { gru, lstm, rnn } from './recurrent.ts'
import { reduceOperators } from './reduce.ts'
import { reshape } from './reshape.ts'
import { resize, upsample } from './resize.ts'
import { reverseSequence } from './reverse-sequence.ts'
import { roiAlign } from './roi-align.ts'
import { rotaryEmbedding } from './rotary-embedding.ts'
import { scan } from './scan.ts'
import { scatterElements, scatterNd } from './scatter.ts'
import { sequenceOperators } from './sequence.ts'
import { shape, size } from './shape.ts'
import { signalOperators } from './signal-windows.ts'
import { slice } from './slice.ts'
import { softmaxOperators } from './softmax.ts'
import { split } from './split.ts'
import { squeeze, unsqueeze } from './squeeze.ts'
import { stringOperators } from './strings.ts'
import { tensorScatter } from './tensor-scatter.ts'
import { tfIdfVectorizer } from './tf-idf-vectorizer.ts'
import { tile } from './tile.ts'
import { topK } from './top-k.ts'
import { transpose } from './transpose.ts'
import { trilu } from './trilu.ts'
import { unaryOperators } from './unary.ts'
import { unique } from './unique.ts'
import { updateOperators } from './updates.ts'
import { variadicOperators } from './variadic.ts'
import { where } from './where.ts'

/** ONNX operators by name; those of domains other than ai.onnx by `domain.name`. */
export const operators: Readonly<Record<string, Operator>> = {
  ...activationOperators,
  ...binaryOperators,
  ...experimentalOperators,
  ...microsoftOperators,
  ...mlOperators,
  ...optionalOperators,
  ...reduceOperators,
  ...sequenceOperators,
  ...signalOperators,
  ...softmaxOperators,
  ...stringOperators,
  ...randomOperators,
  ...unaryOperators,
  ...updateOperators,
  ...variadicOperators,
  AffineGrid: affineGrid,
  ArgMax: argMax,
  ArgMin: argMin,
  Attention: attention,
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  BitCast: bitCast,
  BitShift: bitShift,
  Cast: cast,
  CastLike: castLike,
  CausalConvWithState: causalConvWithState,
  CenterCropPad: centerCropPad,
  Clip: clip,
  Col2Im: col2Im,
  Compress: compress,
  Concat: concat,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Conv: conv,
  ConvInteger: convInteger,
  ConvTranspose: convTranspose,
  CumProd: cumulative('mul'),
  CumSum: cumulative('add'),
  DFT: dft,
  DeformConv: deformConv,
  DepthToSpace: depthToSpace,
  DequantizeLinear: dequantizeLinear,
  Det: det,
  Dropout: dropout,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  Einsum: einsum,
  Expand: expand,
  EyeLike: eyeLike,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  GRU: gru,
  Gemm: gemm,
  GlobalAveragePool: globalAveragePool,
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: globalMaxPool,
  GridSample: gridSample,
  GroupNormalization: groupNormalization,
  Hardmax: hardmax,
  Identity: identity,
  If: ifOperator,
  ImageDecoder: imageDecoder,
  InstanceNormalization: instanceNormalization,
  LRN: lrn,
  LSTM: lstm,
  LayerNormalization: layerNormalization,
  LinearAttention: linearAttention,
  Loop: loop,
  LpNormalization: lpNormalization,
  LpPool: lpPool,
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  MaxPool: maxPool,
  MaxRoiPool: maxRoiPool,
  MaxUnpool: maxUnpool,
  MeanVarianceNormalization: meanVarianceNormalization,
  NegativeLogLikelihoodLoss: negativeLogLikelihoodLoss,
  NonMaxSuppression: nonMaxSuppression,
  NonZero: nonZero,
  OneHot: oneHot,
  PRelu: prelu,
  Pad: pad,
  Pow: pow,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  QuantizeLinear: quantizeLinear,
  RMSNormalization: rmsNormalization,
  Range: range,
  Reshape: reshape,
  Resize: resize,
  ReverseSequence: reverseSequence,
  STFT: stft,
  Scan: scan,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  Shape: shape,
  Size: size,
  Slice: slice,
  RNN: rnn,
  RoiAlign: roiAlign,
  RotaryEmbedding: rotaryEmbedding,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropyLoss,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  TensorScatter: tensorScatter,
  TfIdfVectorizer: tfIdfVectorizer,
  Tile: tile,
  TopK: topK,
  Transpose: transpose,
  Trilu: trilu,
  Unique: unique,
  Unsqueeze: unsqueeze,
  Upsample: upsample,
  Where: where,
  'ai.onnx.preview.FlexAttention': flexAttention,
}
