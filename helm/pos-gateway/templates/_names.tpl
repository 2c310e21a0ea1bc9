{{/* Names end at 45 characters: a pod's labels and the derived names must end at 63. */}}
{{- define "pos-gateway.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" }}
{{- end }}

{{- define "pos-gateway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "pos-gateway.kind" -}}
{{ ternary "StatefulSet" "Deployment" .Values.staticMembership }}
{{- end }}

{{- define "pos-gateway.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "pos-gateway.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* Of all that the release makes, and of the pods' selectors with a component beside it. */}}
{{- define "pos-gateway.identity" -}}
app.kubernetes.io/name: {{ include "pos-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pos-gateway.selector" -}}
{{ include "pos-gateway.identity" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "pos-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "pos-gateway.identity" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "pos-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}
