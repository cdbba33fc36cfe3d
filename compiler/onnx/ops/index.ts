import type { Operator } from '../context.ts'
import { activationOperators } from './math/activations.ts'
import { affineGrid } from './image/affine-grid.ts'
import { argMax, argMin } from './reduction/arg-reduce.ts'
import { attention } from './attention/attention.ts'
import { averagePool } from './nn/average-pool.ts'
import { batchNormalization } from './normalization/batch-normalization.ts'
import { binaryOperators } from './math/binary.ts'
import { bitCast } from './tensor/bit-cast.ts'
import { bitShift } from './math/bit-shift.ts'
import { cast, castLike } from './tensor/cast.ts'
import { causalConvWithState } from './nn/causal-conv-with-state.ts'
import { centerCropPad } from './image/center-crop-pad.ts'
import { clip } from './math/clip.ts'
import { col2Im } from './nn/col2im.ts'
import { compress } from './indexing/compress.ts'
import { concat } from './tensor/concat.ts'
import { constant } from './generator/constant.ts'
import { constantOfShape } from './generator/constant-of-shape.ts'
import { conv } from './nn/conv.ts'
import { convTranspose } from './nn/conv-transpose.ts'
import { cumulative } from './math/cumulative.ts'
import { deformConv } from './nn/deform-conv.ts'
import { depthToSpace, spaceToDepth } from './tensor/depth-space.ts'
import { dequantizeLinear } from './quantization/dequantize-linear.ts'
import { det } from './math/det.ts'
import { dropout } from './nn/dropout.ts'
import { dynamicQuantizeLinear } from './quantization/dynamic-quantize-linear.ts'
import { einsum } from './math/einsum.ts'
import { expand } from './tensor/expand.ts'
import { experimentalOperators } from './experimental.ts'
import { eyeLike } from './generator/eye-like.ts'
import { flatten } from './tensor/flatten.ts'
import { flexAttention } from './attention/flex-attention.ts'
import { dft, stft } from './signal/fourier.ts'
import { gather } from './indexing/gather.ts'
import { gatherElements } from './indexing/gather-elements.ts'
import { gatherNd } from './indexing/gather-nd.ts'
import { gemm } from './math/gemm.ts'
import { globalAveragePool, globalMaxPool } from './nn/global-pool.ts'
import { groupNormalization } from './normalization/group-normalization.ts'
import { gridSample } from './image/grid-sample.ts'
import { hardmax } from './math/hardmax.ts'
import { identity } from './tensor/identity.ts'
import { ifOperator } from './control-flow/if.ts'
import { imageDecoder } from './image/image-decoder.ts'
import { instanceNormalization } from './normalization/instance-normalization.ts'
import { convInteger, matMulInteger, qLinearConv, qLinearMatMul } from './quantization/integer-products.ts'
import { layerNormalization, rmsNormalization } from './normalization/layer-normalization.ts'
import { negativeLogLikelihoodLoss, softmaxCrossEntropyLoss } from './training/losses.ts'
import { linearAttention } from './attention/linear-attention.ts'
import { loop } from './control-flow/loop.ts'
import { lpNormalization } from './normalization/lp-normalization.ts'
import { globalLpPool, lpPool } from './nn/lp-pool.ts'
import { lrn } from './normalization/lrn.ts'
import { matMul } from './math/mat-mul.ts'
import { maxPool } from './nn/max-pool.ts'
import { maxRoiPool } from './object-detection/max-roi-pool.ts'
import { maxUnpool } from './nn/max-unpool.ts'
import { meanVarianceNormalization } from './normalization/mean-variance-normalization.ts'
import { microsoftOperators } from './microsoft/index.ts'
import { mlOperators } from './ml/index.ts'
import { nonMaxSuppression } from './object-detection/non-max-suppression.ts'
import { nonZero } from './indexing/non-zero.ts'
import { oneHot } from './indexing/one-hot.ts'
import { optionalOperators } from './sequence/optional.ts'
import { pad } from './tensor/pad.ts'
import { pow } from './math/pow.ts'
import { prelu } from './math/prelu.ts'
import { quantizeLinear } from './quantization/quantize-linear.ts'
import { randomOperators } from './generator/random.ts'
import { range } from './generator/range.ts'
import { gru, lstm, rnn } from './nn/recurrent.ts'
import { reduceOperators } from './reduction/reduce.ts'
import { reshape } from './tensor/reshape.ts'
import { resize, upsample } from './image/resize.ts'
import { reverseSequence } from './tensor/reverse-sequence.ts'
import { roiAlign } from './object-detection/roi-align.ts'
import { rotaryEmbedding } from './attention/rotary-embedding.ts'
import { scan } from './control-flow/scan.ts'
import { scatterElements, scatterNd } from './indexing/scatter.ts'
import { sequenceOperators } from './sequence/sequence.ts'
import { shape, size } from './tensor/shape.ts'
import { signalOperators } from './signal/signal-windows.ts'
import { slice } from './indexing/slice.ts'
import { softmaxOperators } from './math/softmax.ts'
import { split } from './tensor/split.ts'
import { squeeze, unsqueeze } from './tensor/squeeze.ts'
import { stringOperators } from './text/strings.ts'
import { tensorScatter } from './indexing/tensor-scatter.ts'
import { tfIdfVectorizer } from './text/tf-idf-vectorizer.ts'
import { tile } from './tensor/tile.ts'
import { topK } from './math/top-k.ts'
import { transpose } from './tensor/transpose.ts'
import { trilu } from './tensor/trilu.ts'
import { unaryOperators } from './math/unary.ts'
import { unique } from './indexing/unique.ts'
import { updateOperators } from './training/updates.ts'
import { variadicOperators } from './math/variadic.ts'
import { where } from './indexing/where.ts'

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
