<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology|Labeling|MapTips|AttributeTable" labelsEnabled="1">
  <renderer-v2 forceraster="0" referencescale="-1" graduatedMethod="GraduatedColor" attr="CASE WHEN &quot;review_status&quot; = 'rejected' THEN -1 ELSE coalesce(&quot;uncertainty_mean&quot;, 1 - &quot;prob_mean&quot;) END" symbollevels="0" enableorderby="1" type="graduatedSymbol">
    <ranges>
      <range upper="0.100000000000000" lower="0.000000000000000" label="0" render="true" symbol="0" />
      <range upper="0.200000000000000" lower="0.100000000000000" label="0.1" render="true" symbol="1" />
      <range upper="1.000000000000000" lower="0.200000000000000" label="0.2" render="true" symbol="2" />
      <range upper="-0.500000000000000" lower="-1.500000000000000" label="rejected in review" render="true" symbol="3" />
    </ranges>
    <symbols>
      <symbol alpha="1" clip_to_extent="1" name="0" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="20,20,20,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="1.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,255,255" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="79,179,255,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.6" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="1" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="20,20,20,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="1.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,255,255" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="255,232,77,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.6" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="2" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="20,20,20,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="1.1" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,255,255" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="255,90,31,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.6" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="3" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="20,20,20,160" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.8" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,0,0,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="205,205,205,255" name="outline_color" type="QString" />
            <Option value="dash" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
    </symbols>
    <rotation />
    <sizescale />
    <orderby>
      <orderByClause nullsFirst="0" asc="1">coalesce("uncertainty_mean", 1 - "prob_mean")</orderByClause>
    </orderby>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style isExpression="1" fontSizeUnit="Point" fontWeight="50" textColor="26,26,26,255" fieldName="CASE WHEN &quot;review_status&quot; = 'rejected' THEN '' WHEN &quot;area_m2&quot; &gt;= 10000 THEN format_number(&quot;area_m2&quot; / 10000, 1) || ' ha' ELSE format_number(&quot;area_m2&quot;, 0) || ' m²' END" useSubstitutions="0" textOpacity="1" fontItalic="0" fontSize="8">
        <text-buffer bufferJoinStyle="128" bufferNoFill="1" bufferColor="255,255,255,255" bufferOpacity="1" bufferBlendMode="0" bufferSize="0.80000000000000004" bufferDraw="1" bufferSizeUnits="MM" />
      </text-style>
      <text-format placeDirectionSymbol="0" multilineAlign="3" decimals="3" autoWrapLength="0" rightDirectionSymbol="&gt;" plussign="0" formatNumbers="0" reverseDirectionSymbol="0" wrapChar="" useMaxLineLengthForAutoWrap="1" leftDirectionSymbol="&lt;" addDirectionSymbol="0" />
      <rendering drawLabels="1" scaleVisibility="1" scaleMin="0" scaleMax="25000" obstacle="1" />
    </settings>
  </labeling>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
  <attributetableconfig sortExpression="coalesce(&quot;uncertainty_mean&quot;, 1 - &quot;prob_mean&quot;)" actionWidgetStyle="dropDown" sortOrder="1">
    <columns>
      <column hidden="0" width="-1" name="landslide_id" type="field" />
      <column hidden="0" width="-1" name="confidence" type="field" />
      <column hidden="0" width="-1" name="area_m2" type="field" />
      <column hidden="0" width="-1" name="uncertainty_mean" type="field" />
      <column hidden="0" width="-1" name="prob_mean" type="field" />
      <column hidden="0" width="-1" name="label" type="field" />
      <column hidden="0" width="-1" name="class" type="field" />
      <column hidden="1" width="-1" type="actions" />
    </columns>
  </attributetableconfig>
  <conditionalstyles>
    <rowstyles />
    <fieldstyles />
  </conditionalstyles>
  <storedexpressions />
  <layerGeometryType>2</layerGeometryType>
</qgis>
