"""Run by QGIS's own Python, not by the tests': keeps a running inventory open, and saves an edit when it is told to.

    python3 qgis_holds.py FILE.gpkg

Prints a line of JSON when the layers are open; after a line on standard input edits the first landslide, another when
that is saved.
"""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer

app = QgsApplication([], False)
app.initQgis()
layers = [QgsVectorLayer(f"{sys.argv[1]}|layername={name}", name, "ogr") for name in ("landslides", "scans")]
landslides = layers[0]
opened = {
    "valid": [layer.isValid() for layer in layers],
    "styled": [layer.loadDefaultStyle()[1] for layer in layers],
    "count": len(list(landslides.getFeatures())),
}
landslides.startEditing()
print(json.dumps(opened), flush=True)
sys.stdin.readline()
feature = next(landslides.getFeatures())
landslides.changeAttributeValue(feature.id(), landslides.fields().indexOf("notes"), "seen in the field")
landslides.changeAttributeValue(feature.id(), landslides.fields().indexOf("review_status"), "confirmed")
done = landslides.commitChanges()
landslides.reload()
told = {"done": done, "errors": landslides.commitErrors(), "count": len(list(landslides.getFeatures()))}
del landslides, layers, feature
app.exitQgis()
print(json.dumps(told), flush=True)
