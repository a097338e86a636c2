"""Layers without parameters: each is a function of `microgradx.functional`, its options given once. One row each."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from microgradx import functional as F
from microgradx.graph import OpError
from microgradx.nn.module import Module
from microgradx.rules.words import other_words


class FunctionLayer(Module):
    """A function as a layer: made with the function's options, called with its inputs.

    >>> from microgradx import nn
    >>> nn.LeakyReLU(0.1)([-1.0, 2.0])
    Tensor([-0.1,  2. ])
    >>> nn.Softmax(dim=1)
    Softmax(axis=1)
    """

    function: ClassVar[Callable[..., Any]]
    inputs: ClassVar[tuple[str, ...]]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            bound = self.__signature__.bind(*args, **{self._own(name): v for name, v in options.items()})
        except TypeError as problem:
            known = ", ".join(self.__signature__.parameters) or "none"
            raise OpError(f"{type(self).__name__}: {problem}; its options are: {known}.") from None
        bound.apply_defaults()
        vars(self).update(bound.arguments)

    def _own(self, name: str) -> str:
        """The function's own word for an option: PyTorch's "dim" is "axis" in most of them."""
        return other_words(self.function.__name__, (*self.inputs, *self.__signature__.parameters)).get(name, name)

    def forward(self, *inputs: Any) -> Any:
        """The function of the inputs."""
        if len(inputs) != len(self.inputs):
            raise OpError(f"{type(self).__name__} is called with ({', '.join(self.inputs)}), not {len(inputs)} inputs.")
        return self.function(*inputs, **{name: getattr(self, name) for name in self.__signature__.parameters})


def layer(
    name: str, function: Callable[..., Any], inputs: int = 1, last: str = "", **defaults: Any
) -> type[FunctionLayer]:
    """The class called `name` for a function whose first `inputs` parameters are inputs, the rest options.

    `last` is an option that PyTorch's class has behind the others.
    """
    parameters = list(inspect.signature(function).parameters.values())
    options = [p.replace(default=defaults.get(p.name, p.default)) for p in parameters[inputs:]]
    options.sort(key=lambda p: (p.kind, p.name == last))
    body = {
        "function": staticmethod(function),
        "inputs": tuple(p.name for p in parameters[:inputs]),
        "__signature__": inspect.Signature(options),
        "__doc__": f"`functional.{function.__name__}` as a layer.\n\n{inspect.getdoc(function)}",
        "__module__": __name__,
    }
    return type(name, (FunctionLayer,), body)


# Activations
ReLU = layer("ReLU", F.relu)
LeakyReLU = layer("LeakyReLU", F.leaky_relu)
ReLU6 = layer("ReLU6", F.relu6)
ELU = layer("ELU", F.elu)
SELU = layer("SELU", F.selu)
CELU = layer("CELU", F.celu)
GELU = layer("GELU", F.gelu)
SiLU = layer("SiLU", F.silu)
Mish = layer("Mish", F.mish)
Sigmoid = layer("Sigmoid", F.sigmoid)
LogSigmoid = layer("LogSigmoid", F.logsigmoid)
Tanh = layer("Tanh", F.tanh)
Softplus = layer("Softplus", F.softplus)
Softsign = layer("Softsign", F.softsign)
Hardtanh = layer("Hardtanh", F.hardtanh)
Hardsigmoid = layer("Hardsigmoid", F.hardsigmoid)
Hardswish = layer("Hardswish", F.hardswish)
Hardshrink = layer("Hardshrink", F.hardshrink)
Softshrink = layer("Softshrink", F.softshrink)
Tanhshrink = layer("Tanhshrink", F.tanhshrink)
Threshold = layer("Threshold", F.threshold)
GLU = layer("GLU", F.glu)
Softmax = layer("Softmax", F.softmax)
Softmin = layer("Softmin", F.softmin)
LogSoftmax = layer("LogSoftmax", F.log_softmax)

# Pooling and other changes of shape
MaxPool1d = layer("MaxPool1d", F.max_pool1d, last="ceil_mode")
MaxPool2d = layer("MaxPool2d", F.max_pool2d, last="ceil_mode")
AvgPool1d = layer("AvgPool1d", F.avg_pool1d)
AvgPool2d = layer("AvgPool2d", F.avg_pool2d)
AdaptiveAvgPool1d = layer("AdaptiveAvgPool1d", F.adaptive_avg_pool1d)
AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d", F.adaptive_avg_pool2d)
AdaptiveMaxPool1d = layer("AdaptiveMaxPool1d", F.adaptive_max_pool1d)
AdaptiveMaxPool2d = layer("AdaptiveMaxPool2d", F.adaptive_max_pool2d)
Flatten = layer("Flatten", F.flatten, start_dim=1)  # the samples of a batch stay apart
Unflatten = layer("Unflatten", F.unflatten)
Upsample = layer("Upsample", F.interpolate)
PixelShuffle = layer("PixelShuffle", F.pixel_shuffle)

# Losses
MSELoss = layer("MSELoss", F.mse_loss, 2)
L1Loss = layer("L1Loss", F.l1_loss, 2)
SmoothL1Loss = layer("SmoothL1Loss", F.smooth_l1_loss, 2)
HuberLoss = layer("HuberLoss", F.huber_loss, 2)
BCELoss = layer("BCELoss", F.binary_cross_entropy, 2)
BCEWithLogitsLoss = layer("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, 2)
CrossEntropyLoss = layer("CrossEntropyLoss", F.cross_entropy, 2)
NLLLoss = layer("NLLLoss", F.nll_loss, 2)
KLDivLoss = layer("KLDivLoss", F.kl_div, 2)
GaussianNLLLoss = layer("GaussianNLLLoss", F.gaussian_nll_loss, 3)
PoissonNLLLoss = layer("PoissonNLLLoss", F.poisson_nll_loss, 2)
HingeEmbeddingLoss = layer("HingeEmbeddingLoss", F.hinge_embedding_loss, 2)
MarginRankingLoss = layer("MarginRankingLoss", F.margin_ranking_loss, 3)
TripletMarginLoss = layer("TripletMarginLoss", F.triplet_margin_loss, 3)
CosineEmbeddingLoss = layer("CosineEmbeddingLoss", F.cosine_embedding_loss, 3)
SoftMarginLoss = layer("SoftMarginLoss", F.soft_margin_loss, 2)
MultiMarginLoss = layer("MultiMarginLoss", F.multi_margin_loss, 2)
MultiLabelMarginLoss = layer("MultiLabelMarginLoss", F.multilabel_margin_loss, 2)
MultiLabelSoftMarginLoss = layer("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, 2)

# What compares two inputs
CosineSimilarity = layer("CosineSimilarity", F.cosine_similarity, 2)
PairwiseDistance = layer("PairwiseDistance", F.pairwise_distance, 2)
