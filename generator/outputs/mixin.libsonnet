// What a site changes stands in _config:
//   (import 'mixin.libsonnet') + { _config+:: { selector: 'job="kube-proxy", env="live"', labels: { team: 'net' } } }
// Whatever else differs, such as other labels of the metrics or other thresholds, is compiled for a profile.
local compiled = import 'compiled.libsonnet';

// Each text in some data, changed.
local texts(change, data) =
  if std.isString(data) then change(data)
  else if std.isArray(data) then [texts(change, part) for part in data]
  else if std.isObject(data) then { [key]: texts(change, data[key]) for key in std.objectFields(data) }
  else data;

{
  _config+:: {
    selector: compiled.selector,  // matchers of kube-proxy's metrics
    runbooks: compiled.runbooks,  // address of the published runbooks
    labels: {},  // on every alert
    disabled: [],  // names of alerts to leave out
  },

  local config = self._config,
  local forSite(data) = texts(
    function(text) std.strReplace(
      std.strReplace(text, compiled.selector, config.selector), compiled.runbooks, config.runbooks
    ),
    data
  ),
  local chosen(rules) = [
    rule { labels: config.labels + rule.labels }
    for rule in rules
    if !std.member(config.disabled, rule.alert)
  ],
  local groups = [group { rules: chosen(group.rules) } for group in forSite(compiled.prometheusAlerts.groups)],

  prometheusAlerts+:: { groups+: [group for group in groups if std.length(group.rules) > 0] },
  prometheusRules+:: { groups+: forSite(compiled.prometheusRules.groups) },
  grafanaDashboards+:: forSite(compiled.grafanaDashboards),
}
