{{- define "idp-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* A name of a Service has 63 characters at most, and the longest suffix (`-admin`) has six. */ -}}
{{- define "idp-gateway.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 57 | trimSuffix "-" }}
{{- else if contains (include "idp-gateway.name" .) .Release.Name }}
{{- .Release.Name | trunc 57 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "idp-gateway.name" .) | trunc 57 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "idp-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "idp-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Not the selector's labels: the test is neither an endpoint nor under the gateway's network policy. */ -}}
{{- define "idp-gateway.testLabels" -}}
app.kubernetes.io/name: {{ include "idp-gateway.name" . | trunc 58 | trimSuffix "-" }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "idp-gateway.labels" -}}
{{ include "idp-gateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "idp-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "idp-gateway.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Numbers of a values file are floating point: 10000000 would read 1e+07. */ -}}
{{- define "idp-gateway.text" -}}
{{- if not (kindIs "float64" .) }}{{ . }}{{ else if eq (floor .) . }}{{ printf "%d" (int64 .) }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "idp-gateway.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}
