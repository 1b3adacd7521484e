<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2" />
    </provider>
    <rasterrenderer alphaBand="-1" nodataColor="" opacity="1" band="1" type="paletted">
      <colorPalette>
        <paletteEntry alpha="110" color="#000000" label="no data" value="0" />
        <paletteEntry alpha="0" color="#ffffff" label="clear" value="1" />
        <paletteEntry alpha="130" color="#56b4e9" label="water" value="2" />
        <paletteEntry alpha="200" color="#f2f2f2" label="cloud" value="3" />
        <paletteEntry alpha="170" color="#4d4d4d" label="cloud shadow" value="4" />
        <paletteEntry alpha="170" color="#7f6a93" label="terrain shadow" value="5" />
        <paletteEntry alpha="200" color="#bfe8ff" label="snow" value="6" />
      </colorPalette>
    </rasterrenderer>
    <rasterresampler maxOversampling="2" />
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
