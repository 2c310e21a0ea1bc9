{{/* What every pod of the chart has in common. The restricted profile of the pod security standards, and more. */}}
{{- define "pos-gateway.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
volumes:
  {{- include "pos-gateway.volumes" . | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pos-gateway.container" -}}
image: {{ include "pos-gateway.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  {{- include "pos-gateway.mounts" . | nindent 2 }}
{{- end }}

{{/* For pods that are there before the ConfigMap is, or without it. */}}
{{- define "pos-gateway.env" -}}
{{- $env := list }}
{{- range $name, $value := include "pos-gateway.settings" . | fromYaml }}
{{- $env = append $env (dict "name" $name "value" $value) }}
{{- end }}
{{- toYaml (concat $env .Values.extraEnv) }}
{{- end }}
