import type { Operator } from '../../context.ts'
import { dictVectorizer } from './dict-vectorizer.ts'
import {
  arrayFeatureExtractor,
  binarizer,
  featureVectorizer,
  imputer,
  normalizer,
  oneHotEncoder,
  scaler,
  zipMap,
} from './features.ts'
import { categoryMapper, labelEncoder } from './label-encoder.ts'
import { linearClassifier, linearRegressor } from './linear.ts'
import { svmClassifier, svmRegressor } from './svm.ts'
import { treeEnsemble, treeEnsembleClassifier, treeEnsembleRegressor } from './tree-ensemble.ts'

/** Classical machine learning: domain ai.onnx.ml. */
export const mlOperators: Readonly<Record<string, Operator>> = {
  'ai.onnx.ml.ArrayFeatureExtractor': arrayFeatureExtractor,
  'ai.onnx.ml.Binarizer': binarizer,
  'ai.onnx.ml.CategoryMapper': categoryMapper,
  'ai.onnx.ml.DictVectorizer': dictVectorizer,
  'ai.onnx.ml.FeatureVectorizer': featureVectorizer,
  'ai.onnx.ml.Imputer': imputer,
  'ai.onnx.ml.LabelEncoder': labelEncoder,
  'ai.onnx.ml.LinearClassifier': linearClassifier,
  'ai.onnx.ml.LinearRegressor': linearRegressor,
  'ai.onnx.ml.Normalizer': normalizer,
  'ai.onnx.ml.OneHotEncoder': oneHotEncoder,
  'ai.onnx.ml.SVMClassifier': svmClassifier,
  'ai.onnx.ml.SVMRegressor': svmRegressor,
  'ai.onnx.ml.Scaler': scaler,
  'ai.onnx.ml.TreeEnsemble': treeEnsemble,
  'ai.onnx.ml.TreeEnsembleClassifier': treeEnsembleClassifier,
  'ai.onnx.ml.TreeEnsembleRegressor': treeEnsembleRegressor,
  'ai.onnx.ml.ZipMap': zipMap,
}
