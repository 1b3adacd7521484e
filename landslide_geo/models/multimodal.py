"""Builders of patch classifiers, and of networks with a branch for each sensor; the registry names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from landslide_geo.errors import ParameterError
from landslide_geo.models.checks import (
    UPSAMPLING,
    channels,
    check_choice,
    check_share,
    encoder_weights,
    timm_weights,
)

if TYPE_CHECKING:
    from torch import nn

FUSIONS: Final = ("gate", "concat")
SENSORS: Final = ("both", "optical", "sar")


def classifier(
    *,
    bands: int,
    encoder: str = "resnet18d",
    weights: str | None = None,
    size: int | None = None,
    dropout: float = 0.2,
) -> nn.Module:
    """An encoder of timm on all bands at once (early fusion): (N, bands, H, W) → (N, 1) logits.

    Args:
        bands: number of input bands.
        encoder: name in timm.
        weights: ``None`` (random) or ``imagenet`` (downloaded).
        size: to which windows are resized bilinearly; ``None``: as they come.
        dropout: share of the features that are dropped while training.

    Raises:
        ParameterError: an argument is out of range.
    """
    check_share("dropout", dropout)
    pretrained = timm_weights(encoder, weights, size)
    from landslide_geo.models.branches import Classifier, PooledEncoder

    return Classifier(PooledEncoder(encoder, bands=bands, pretrained=pretrained, size=size), dropout=dropout)


def attention_fusion(
    *,
    bands: int,
    optical: Sequence[int] | None = None,
    sar: Sequence[int] | None = None,
    brightness: Sequence[int] | None = None,
    masks: Sequence[int] = (),
    encoder: str = "tf_efficientnetv2_l",
    weights: str | None = None,
    size: int | None = 224,
    fusion: str = "gate",
    modality: str = "both",
    hidden: int = 256,
    dropout: float = 0.3,
) -> nn.Module:
    """Optical features of a large encoder and SAR features of a small one, weighed by a gate that sees clouds.

    (N, bands, H, W) → (N, 1) logits. The arguments ``optical``, ``sar``, ``brightness`` and ``masks`` are indices of
    bands; `landslide_geo.models.modalities.arguments_of` fills them in from names.

    Args:
        bands: number of input bands.
        optical: of the optical sensor.
        sar: of the SAR.
        brightness: of red, green and blue, whose normalised mean is the cloud score; for the gate only.
        masks: that go with the optical bands, such as a cloud mask.
        encoder: of the optical branch, a name in timm; ``tf_efficientnet_b5`` with ``size`` 384 is the other one.
        weights: of that encoder, ``None`` (random) or ``imagenet`` (downloaded).
        size: to which the optical bands are resized bilinearly; ``None``: as they come.
        fusion: ``gate``, or ``concat``: features side by side, as they are.
        modality: ``both``, or one, ``optical`` or ``sar``: the other branch is not built, and there is no gate.
        hidden: width of the gate.
        dropout: share of the features that are dropped while training.

    Raises:
        ParameterError: channels are not told, or an argument is out of range.
    """
    name = "attention_fusion"
    check_share("dropout", dropout)
    check_choice("fusion", fusion, FUSIONS)
    check_choice("modality", modality, SENSORS)
    if hidden < 1:
        raise ParameterError(f"hidden {hidden}: the gate needs a unit; use 1 or more")
    gated = fusion == "gate" and modality == "both"
    seen = channels(name, "optical", optical, bands) if modality != "sar" else ()
    echoes = channels(name, "sar", sar, bands) if modality != "optical" else ()
    bright = channels(name, "brightness", brightness, bands) if gated else ()
    along = channels(name, "masks", masks, bands, least=0)
    pretrained = timm_weights(encoder, weights, size)
    from landslide_geo.models.attention_fusion import AttentionFusion
    from landslide_geo.models.branches import Channels, PooledEncoder, Sensor

    eye = Sensor(seen, along) if seen else None
    return AttentionFusion(
        encoder=None if eye is None else PooledEncoder(encoder, bands=eye.bands, pretrained=pretrained, size=size),
        optical=eye,
        sar=Sensor(echoes) if echoes else None,
        brightness=Channels(bright) if gated else None,
        hidden=hidden,
        dropout=dropout,
    )


def multimodal_fpn(
    *,
    bands: int,
    optical: Sequence[int] | None = None,
    sar_desc: Sequence[int] | None = None,
    sar_asc: Sequence[int] | None = None,
    masks: Sequence[int] = (),
    modality: str = "both",
    shared: bool = False,
    pyramid: bool = True,
    dropout: float = 0.4,
) -> nn.Module:
    """A branch for the optical sensor and one for each pass of the SAR, joined in a feature pyramid of four levels.

    (N, bands, H, W) → (N, 1) logits. The arguments ``optical``, ``sar_desc``, ``sar_asc`` and ``masks`` are indices of
    bands; `landslide_geo.models.modalities.arguments_of` fills them in from names. Either pass may be ``[]``.

    Args:
        bands: number of input bands.
        optical: of the optical sensor.
        sar_desc: of the descending pass.
        sar_asc: of the ascending pass, in the same order.
        masks: that go with the optical bands, such as a cloud mask.
        modality: ``both``, or one, ``optical`` or ``sar``: other branches are not built.
        shared: one set of weights for both passes.
        pyramid: with the pyramid; else the deepest level decides alone.
        dropout: share of channels that are dropped after each level while training, and of features before the logit.

    Raises:
        ParameterError: channels are not told, passes that share weights differ, or an argument is out of range.
    """
    name = "multimodal_fpn"
    check_share("dropout", dropout)
    check_choice("modality", modality, SENSORS)
    seen = channels(name, "optical", optical, bands) if modality != "sar" else ()
    along = channels(name, "masks", masks, bands, least=0)
    passes: tuple[tuple[int, ...], ...] = ()
    if modality != "optical":
        both = [("sar_desc", sar_desc), ("sar_asc", sar_asc)]
        passes = tuple(one for which, given in both if (one := channels(name, which, given, bands, least=0)))
        if not passes:
            raise ParameterError(f"{name}: sar_desc and sar_asc are empty; give one, or modality optical")
        if shared and len({len(one) for one in passes}) > 1:
            raise ParameterError(
                f"{name}: passes that share weights need the same bands; sar_desc has {len(passes[0])} and sar_asc "
                f"{len(passes[1])}; use shared false, or other bands"
            )
    from landslide_geo.models.branches import Sensor
    from landslide_geo.models.multimodal_fpn import MultimodalFPN

    return MultimodalFPN(
        optical=Sensor(seen, along) if seen else None,
        passes=tuple(Sensor(one) for one in passes),
        shared=shared,
        pyramid=pyramid,
        dropout=dropout,
    )


def fusion_unet(
    *,
    bands: int,
    optical: Sequence[int] | None = None,
    sar: Sequence[int] | None = None,
    brightness: Sequence[int] | None = None,
    terrain: Sequence[int] = (),
    masks: Sequence[int] = (),
    encoder: str = "tu-resnet18d",
    sar_encoder: str | None = None,
    weights: str | None = None,
    decoder_channels: Sequence[int] = (128, 64, 32, 16, 16),
    upsampling: str = "nearest",
    dropout: float = 0.0,
) -> nn.Module:
    """U-Net of two encoders whose features are weighed against each other at each pixel of each level.

    (N, bands, H, W) → (N, 1, H, W) logits. The arguments ``optical``, ``sar``, ``brightness``, ``terrain`` and
    ``masks`` are indices of bands; `landslide_geo.models.modalities.arguments_of` fills them in from names.

    Args:
        bands: number of input bands.
        optical: of the optical sensor, of both dates where there are two.
        sar: of the SAR, likewise.
        brightness: of red, green and blue, whose normalised mean is the cloud score of a pixel.
        terrain: goes into both encoders.
        masks: that go with the optical bands, such as a cloud mask.
        encoder: of the optical sensor, as in `unet`.
        sar_encoder: of the SAR; ``None`` is the same kind.
        weights: of the optical encoder, ``None`` (random) or ``imagenet`` (downloaded); pictures teach no radar.
        decoder_channels: width of the five decoder stages, from the deepest.
        upsampling: ``nearest`` or ``bilinear``.
        dropout: share of the deepest channels that are dropped while training.

    Raises:
        ParameterError: channels are not told, or an argument is out of range.
    """
    name = "fusion_unet"
    check_share("dropout", dropout)
    check_choice("upsampling", upsampling, UPSAMPLING[:2])
    seen, echoes, bright = (
        channels(name, which, given, bands)
        for which, given in (("optical", optical), ("sar", sar), ("brightness", brightness))
    )
    ground = channels(name, "terrain", terrain, bands, least=0)
    along = channels(name, "masks", masks, bands, least=0)
    from landslide_geo.models.branches import Channels, Sensor
    from landslide_geo.models.fusion_unet import FusionUNet

    return FusionUNet(
        optical=Sensor(seen, along),
        sar=Sensor(echoes),
        terrain=Channels(ground) if ground else None,
        brightness=Channels(bright),
        encoder=encoder,
        sar_encoder=encoder if sar_encoder is None else sar_encoder,
        weights=(encoder_weights(encoder, weights), None),
        decoder_channels=decoder_channels,
        upsampling=upsampling,
        dropout=dropout,
    )
