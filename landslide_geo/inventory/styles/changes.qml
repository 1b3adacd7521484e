<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology|Labeling|MapTips" labelsEnabled="0">
  <renderer-v2 forceraster="0" referencescale="-1" attr="status" symbollevels="0" enableorderby="0" type="categorizedSymbol">
    <categories>
      <category label="new" render="true" value="new" symbol="0" />
      <category label="grown" render="true" value="grown" symbol="1" />
      <category label="unchanged" render="true" value="unchanged" symbol="2" />
      <category label="shrunk" render="true" value="shrunk" symbol="3" />
      <category label="merged" render="true" value="merged" symbol="4" />
      <category label="split" render="true" value="split" symbol="5" />
      <category label="no longer visible" render="true" value="no longer visible" symbol="6" />
      <category label="not visible now" render="true" value="not visible" symbol="7" />
      <category label="rejected in review" render="true" value="rejected" symbol="8" />
    </categories>
    <symbols>
      <symbol alpha="1" clip_to_extent="1" name="0" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="213,94,0,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="122,48,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="1" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="230,159,0,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="138,95,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="2" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="160,160,160,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="90,90,90,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="3" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="86,180,233,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="30,90,130,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="4" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="204,121,167,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="125,60,96,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="5" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="240,228,66,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="138,128,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="6" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,158,115,110" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="0,90,65,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="7" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="120,120,120,160" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="90,90,90,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="b_diagonal" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="8" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="90,40,120,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="120,60,150,255" name="outline_color" type="QString" />
            <Option value="dash" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
</qgis>
