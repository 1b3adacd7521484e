"""Architectures by name: functions of one signature that build a network returning logits.

A new architecture is a function from arguments to a network, and a line in :data:`ARCHITECTURES`. Nothing here is
downloaded: encoder weights are only loaded where a caller asks for them by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from landslide_geo.errors import ParameterError
from landslide_geo.models.checks import UPSAMPLING, check_share, encoder_weights
from landslide_geo.models.multimodal import attention_fusion, classifier, fusion_unet, multimodal_fpn

if TYPE_CHECKING:
    from torch import nn

    Builder = Callable[..., nn.Module]


#: Encoders that `resnet_unet` takes.
RESNETS: Final = re.compile(r"(tu-)?resne(t|xt)\d+\w*(\.\w+)?")
DECODER_CHANNELS: Final = (256, 128, 64, 32, 16)


def unet(
    *,
    bands: int,
    encoder: str | None = "resnet18",
    weights: str | None = None,
    decoder_channels: Sequence[int] | None = None,
    attention: str | None = None,
    upsampling: str = "nearest",
    width: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """U-Net of segmentation-models-pytorch, or the plain one: (N, bands, H, W) → (N, 1, H, W) logits.

    Args:
        bands: number of input bands.
        encoder: an encoder of segmentation-models-pytorch; ``tu-NAME`` is timm's NAME. ``None`` is the plain U-Net of
            Ronneberger et al. (2015) with batch norm.
        weights: ``None`` (random) or ``imagenet`` (downloaded); with an encoder only.
        decoder_channels: width of the five decoder stages, from the deepest, with an encoder only; 256 to 16.
        attention: ``None`` or ``scse``; with an encoder only.
        upsampling: ``nearest``, ``bilinear``, or ``transposed`` convolutions.
        width: channels of the plain U-Net's first level, doubled in each of four others; 64.
        dropout: share of the deepest channels that are dropped while training.

    Raises:
        ParameterError: an argument that the network does not have, or that is out of range.
    """
    check_share("dropout", dropout)
    if upsampling not in UPSAMPLING:
        raise ParameterError(f"upsampling {upsampling!r} is not known; use one of {', '.join(UPSAMPLING)}")
    if encoder is None:
        for name, value in (("weights", weights), ("decoder_channels", decoder_channels), ("attention", attention)):
            if value is not None:
                raise ParameterError(
                    f"{name} {value!r} needs an encoder, the plain U-Net has none; name one or leave it"
                )
        if width is not None and width < 1:
            raise ParameterError(f"width {width}: the first level needs a channel; use 1 or more")
        from landslide_geo.models.unet import PlainUNet

        return PlainUNet(bands=bands, width=64 if width is None else width, upsampling=upsampling, dropout=dropout)
    if width is not None:
        raise ParameterError(f"width {width} is for the plain U-Net; with encoder {encoder} give decoder_channels")
    from landslide_geo.models.unet import encoder_unet

    return encoder_unet(
        bands=bands,
        encoder=encoder,
        weights=encoder_weights(encoder, weights),
        decoder_channels=DECODER_CHANNELS if decoder_channels is None else decoder_channels,
        attention=attention,
        upsampling=upsampling,
        dropout=dropout,
    )


def resnet_unet(
    *,
    bands: int,
    encoder: str = "resnet50",
    weights: str | None = None,
    decoder_channels: Sequence[int] = DECODER_CHANNELS,
    attention: str | None = None,
    upsampling: str = "nearest",
    dropout: float = 0.0,
) -> nn.Module:
    """ResNet encoder and U-Net decoder; arguments as of `unet`.

    Raises:
        ParameterError: the encoder is no ResNet or ResNeXt.
    """
    if not RESNETS.fullmatch(encoder):
        raise ParameterError(
            f"resnet_unet needs a ResNet or ResNeXt, {encoder!r} is none; use e.g. resnet50 or tu-resnet18d, or "
            "architecture unet, which takes any encoder"
        )
    return unet(
        bands=bands,
        encoder=encoder,
        weights=weights,
        decoder_channels=decoder_channels,
        attention=attention,
        upsampling=upsampling,
        dropout=dropout,
    )


def segformer(
    *, bands: int, encoder: str = "mit_b0", weights: str | None = None, decoder_channels: int = 256
) -> nn.Module:
    """SegFormer (Xie et al. 2021, arXiv:2105.15203): a transformer encoder, mit_b0 to mit_b5, and a light decoder.

    Args:
        bands: number of input bands.
        encoder: a transformer of segmentation-models-pytorch; other encoders work as well.
        weights: ``None`` (random) or ``imagenet`` (downloaded).
        decoder_channels: to which every level is projected.
    """
    return _library("Segformer", bands, encoder, weights, decoder_segmentation_channels=decoder_channels)


def unetplusplus(
    *,
    bands: int,
    encoder: str = "resnet34",
    weights: str | None = None,
    decoder_channels: Sequence[int] = DECODER_CHANNELS,
    attention: str | None = None,
) -> nn.Module:
    """UNet++ (Zhou et al. 2018, arXiv:1807.10165), with nested skips; arguments as of `unet`."""
    options = {"decoder_channels": tuple(decoder_channels), "decoder_attention_type": attention}
    return _library("UnetPlusPlus", bands, encoder, weights, **options)


def deeplabv3plus(
    *,
    bands: int,
    encoder: str = "resnet34",
    weights: str | None = None,
    decoder_channels: int = 256,
    dropout: float = 0.5,
) -> nn.Module:
    """DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611): convolutions with holes; ``dropout`` after their pyramid."""
    check_share("dropout", dropout)
    options = {"decoder_channels": decoder_channels, "decoder_aspp_dropout": dropout}
    return _library("DeepLabV3Plus", bands, encoder, weights, **options)


def fpn(
    *,
    bands: int,
    encoder: str = "resnet34",
    weights: str | None = None,
    decoder_channels: int = 256,
    dropout: float = 0.2,
) -> nn.Module:
    """Feature pyramid (Kirillov et al. 2019, arXiv:1901.02446); half of ``decoder_channels`` after the merge."""
    check_share("dropout", dropout)
    options = {"decoder_pyramid_channels": decoder_channels, "decoder_segmentation_channels": decoder_channels // 2}
    return _library("FPN", bands, encoder, weights, decoder_dropout=dropout, **options)


def eca_resnet50(
    *,
    bands: int,
    attention_position: str = "after_sum",
    kernel: int | None = None,
    weights: str | None = None,
    layers: Sequence[int] | None = None,
    width: int | None = None,
) -> nn.Module:
    """ResNet50 with efficient channel attention (Wang et al. 2020, arXiv:1910.03151) in every bottleneck.

    (N, bands, H, W) → (N, 1, H, W): the difference of two class logits, enlarged bilinearly by 32. Two-class
    cross-entropy is binary cross-entropy on that difference.

    Args:
        bands: number of input bands; red, green, blue and elevation are four.
        attention_position: ``after_sum`` weighs the sum of residual and shortcut, ``before_sum`` the residual alone, as
            timm does.
        kernel: of the convolution over channels, odd; ``None`` follows from their number (γ = 2, b = 1).
        weights: ``None`` (He) or ``imagenet`` (timm's ResNet50, downloaded).
        layers: bottlenecks of the four stages; 3, 4, 6, 3.
        width: of the first stage's bottlenecks, doubled in each other stage; they give out four times that. 64.

    Raises:
        ParameterError: an argument is out of range, or pretrained weights are asked for another depth or width.
    """
    from landslide_geo.models.eca_resnet import LAYERS, POSITIONS, WIDTH, EcaResNet, load_imagenet

    if attention_position not in POSITIONS:
        raise ParameterError(f"attention_position {attention_position!r}: use one of {', '.join(POSITIONS)}")
    if kernel is not None and (kernel < 1 or kernel % 2 == 0):
        raise ParameterError(f"kernel {kernel}: use an odd number, or null to let the number of channels decide")
    depths, wide = tuple(LAYERS if layers is None else layers), WIDTH if width is None else width
    if len(depths) != 4 or min(depths) < 1 or wide < 1:
        raise ParameterError(
            f"layers {list(depths)}, width {wide}: give four numbers of bottlenecks, and 1 or more each"
        )
    if weights is not None and (weights != "imagenet" or depths != LAYERS or wide != WIDTH):
        raise ParameterError(
            f"weights {weights!r}: there are only those of a ResNet50, imagenet; use null, or leave layers and width"
        )
    network = EcaResNet(bands=bands, position=attention_position, kernel=kernel, layers=depths, width=wide)
    if weights is not None:
        load_imagenet(network, bands=bands)
    return network


def _library(network: str, bands: int, encoder: str, weights: str | None, **options: Any) -> nn.Module:
    """A network of segmentation-models-pytorch by its name."""
    import segmentation_models_pytorch as smp  # takes seconds and 700 MB: only when a network is built

    built: nn.Module = getattr(smp, network)(
        encoder_name=encoder,
        encoder_weights=encoder_weights(encoder, weights),
        in_channels=bands,
        classes=1,
        **options,
    )
    return built


def red_minus_green(
    *, bands: int, red: int = 0, green: int = 1, slope: float = 1.0, intercept: float = 0.0
) -> nn.Module:
    """`landslide_geo.models.rules.RedMinusGreen`: indices of the two bands, and the logistic on their difference."""
    from landslide_geo.models.rules import RedMinusGreen

    if not (0 <= red < bands and 0 <= green < bands):
        raise ParameterError(f"red_minus_green needs bands {red} and {green}, the model has {bands}")
    return RedMinusGreen(red=red, green=green, slope=slope, intercept=intercept)


def rdndvi(
    *,
    bands: int,
    pre_red: int = 0,
    pre_nir: int = 1,
    red: int = 2,
    nir: int = 3,
    slope: float = 0.1,
    intercept: float = -3.0,
) -> nn.Module:
    """`landslide_geo.models.rules.RelativeNDVILoss`: indices of four bands, and the logistic on their rdNDVI.

    ``slope`` is for a percent; by default a loss of 30 % is as probable as not, before calibration.
    """
    from landslide_geo.models.rules import RelativeNDVILoss

    places = (pre_red, pre_nir, red, nir)
    if not all(0 <= place < bands for place in places):
        raise ParameterError(f"rdndvi needs bands {', '.join(map(str, places))}, the model has {bands}")
    return RelativeNDVILoss(pre_red=pre_red, pre_nir=pre_nir, red=red, nir=nir, slope=slope, intercept=intercept)


ARCHITECTURES: Final[dict[str, Builder]] = {
    "unet": unet,
    "resnet_unet": resnet_unet,
    "unetplusplus": unetplusplus,
    "deeplabv3plus": deeplabv3plus,
    "fpn": fpn,
    "segformer": segformer,
    "eca_resnet50": eca_resnet50,
    "fusion_unet": fusion_unet,
    "attention_fusion": attention_fusion,
    "multimodal_fpn": multimodal_fpn,
    "classifier": classifier,
    "red_minus_green": red_minus_green,
    "rdndvi": rdndvi,
}
#: Those that give the same answer for digital numbers and for reflectances, though they normalise nothing away: ratios
#: of bands of one date.
OF_ANY_GAIN: Final = frozenset({"rdndvi"})
#: Those that give one logit for a window, (N, 1); the others give one for each pixel.
CLASSIFIERS: Final = frozenset({"attention_fusion", "multimodal_fpn", "classifier"})


def task(architecture: str) -> Literal["segmentation", "classification"]:
    """What a network of this architecture answers: one logit for each pixel, or one for a window."""
    return "classification" if architecture in CLASSIFIERS else "segmentation"


def build(architecture: str, *, bands: int, arguments: Mapping[str, Any]) -> nn.Module:
    """The network ``architecture`` with random weights, unless its arguments ask for others.

    Raises:
        ParameterError: no such architecture, arguments that it does not take, or weights that cannot be downloaded.
    """
    if architecture not in ARCHITECTURES:
        raise ParameterError(f"architecture {architecture!r} is not known; use one of {', '.join(ARCHITECTURES)}")
    if bands < 1:
        raise ParameterError(f"architecture {architecture!r}: bands {bands}; a network needs one or more")
    try:
        return ARCHITECTURES[architecture](bands=bands, **arguments)
    except ParameterError:
        raise
    except (TypeError, AttributeError, KeyError, ValueError, RuntimeError) as error:
        said = str(error.args[0] if error.args else error).splitlines()[0]
        raise ParameterError(f"architecture {architecture!r}: arguments {dict(arguments)} do not fit: {said}") from None
    except OSError as error:
        raise ParameterError(
            f"architecture {architecture!r}: weights {arguments.get('weights')!r} cannot be downloaded "
            f"({type(error).__name__}); connect to the network, or use weights null"
        ) from None
