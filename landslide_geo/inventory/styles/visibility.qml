<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology|Labeling|MapTips" labelsEnabled="0">
  <renderer-v2 forceraster="0" referencescale="-1" attr="code" symbollevels="0" enableorderby="0" type="categorizedSymbol">
    <categories>
      <category label="clear" render="true" value="1" symbol="0" />
      <category label="water" render="true" value="2" symbol="1" />
      <category label="cloud" render="true" value="3" symbol="2" />
      <category label="cloud shadow" render="true" value="4" symbol="3" />
      <category label="terrain shadow" render="true" value="5" symbol="4" />
      <category label="snow" render="true" value="6" symbol="5" />
      <category label="no data" render="true" value="0" symbol="6" />
    </categories>
    <symbols>
      <symbol alpha="1" clip_to_extent="1" name="0" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="255,255,255,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="1" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="86,180,233,70" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="2" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="242,242,242,150" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="3" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="77,77,77,130" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="4" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="127,106,147,130" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="5" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="191,232,255,150" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="6" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,60" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="128,128,128,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
    </symbols>
    <rotation />
    <sizescale />
  </renderer-v2>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
  <layerGeometryType>2</layerGeometryType>
</qgis>
