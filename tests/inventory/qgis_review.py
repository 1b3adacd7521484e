"""Run by QGIS's own Python, not by the tests': edits an inventory in QGIS off-screen, as an analyst does.

    python3 qgis_review.py FILE.gpkg DEEDS.json

DEEDS.json names the landslide of each deed. Prints one JSON object on the last line.
"""

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProviderRegistry,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime


def edit(path, deeds):
    offered = sorted(layer.name() for layer in QgsProviderRegistry.instance().querySublayers(path))
    layer = QgsVectorLayer(f"{path}|layername=landslides", "landslides", "ogr")
    fields = layer.fields()
    features = {feature["landslide_id"]: feature for feature in layer.getFeatures()}
    layer.startEditing()

    def change(layer, deed, **values):
        for name, value in values.items():
            assert layer.changeAttributeValue(features[deeds[deed]].id(), fields.indexOf(name), value)

    change(
        layer, "confirm", review_status="confirmed", confidence=8, reviewed_at=QDateTime.fromString(deeds["when"], 1)
    )
    change(layer, "reject", review_status="rejected", reject_reason="river_bar", notes='gravel, "fresh" – Flußbank')

    redrawn = features[deeds["redraw"]]
    layer.changeGeometry(redrawn.id(), redrawn.geometry().buffer(15, 8))

    split = features[deeds["split"]]
    box = split.geometry().boundingBox()
    middle = box.center().x() + 3
    layer.selectByIds([split.id()])
    line = [QgsPointXY(middle, box.yMinimum() - 50), QgsPointXY(middle, box.yMaximum() + 50)]
    result = layer.splitFeatures(line, False)
    layer.removeSelection()

    # What "Merge selected features" does: one feature with the attributes of the first, the selected ones removed.
    first, second = (features[name] for name in deeds["merge"])
    merged = QgsFeature(fields)
    attributes = first.attributes()
    attributes[fields.indexOf("fid")] = None
    merged.setAttributes(attributes)
    merged.setGeometry(QgsGeometry.unaryUnion([first.geometry(), second.geometry()]))
    layer.deleteFeatures([first.id(), second.id()])
    assert layer.addFeature(merged)

    drawn = QgsFeature(fields)
    drawn.setGeometry(QgsGeometry.fromWkt(deeds["add"]))
    assert layer.addFeature(drawn)
    assert layer.deleteFeature(features[deeds["delete"]].id())
    done = layer.commitChanges()

    extent = QgsVectorLayer(f"{path}|layername=reviewed_extent", "reviewed_extent", "ogr")
    extent.startEditing()
    ground = QgsFeature(extent.fields())
    ground.setGeometry(QgsGeometry.fromRect(QgsRectangle(*deeds["extent"])))
    extent.addFeature(ground)
    return {
        "offered": offered, "split": int(result), "done": done, "errors": layer.commitErrors(),
        "extent": extent.commitChanges(),
    }  # fmt: skip


def main(path, deeds):
    app = QgsApplication([], False)
    app.initQgis()
    report = edit(path, json.loads(Path(deeds).read_text(encoding="utf-8")))
    app.exitQgis()  # closes the file
    print(json.dumps(report))


main(*sys.argv[1:3])
