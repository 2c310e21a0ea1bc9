{{/* A number as the gateway reads it: Helm holds whole numbers as floats and would write 1e+06. */}}
{{- define "pos-gateway.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{ . }}
{{- end }}
{{- end }}

{{/* `settings` as the environment has it: settings.pos.baseUrl is GATEWAY_POS__BASE_URL. Null is the gateway's default. */}}
{{- define "pos-gateway.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- if kindIs "map" $value }}
{{- range $inner, $single := $value }}
{{- if not (kindIs "invalid" $single) }}
{{ printf "GATEWAY_%s__%s" $name (snakecase $inner) | upper }}: {{ include "pos-gateway.value" $single | quote }}
{{- end }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{ printf "GATEWAY_%s" (snakecase $name) | upper }}: {{ include "pos-gateway.value" $value | quote }}
{{- end }}
{{- end }}
{{- range $section, $files := .Values.tls }}
{{- $folder := printf "/etc/pos-gateway/tls/%s" $section }}
{{- if $files.ca }}
{{ printf "GATEWAY_%s__SSL_CAFILE" (upper $section) }}: {{ $folder }}/ca.crt
{{- end }}
{{- if $files.client }}
{{ printf "GATEWAY_%s__SSL_CERTFILE" (upper $section) }}: {{ $folder }}/tls.crt
{{ printf "GATEWAY_%s__SSL_KEYFILE" (upper $section) }}: {{ $folder }}/tls.key
{{- end }}
{{- end }}
{{- end }}

{{/* Where the Secret and the key of a setting are that no value holds: `name` and `key`. */}}
{{- define "pos-gateway.secretOf" -}}
{{- $setting := .setting }}
{{- $found := dict "name" .root.Values.existingSecret "key" $setting }}
{{- range .root.Values.extraSecrets }}
{{- if hasKey .items $setting }}
{{- $found = dict "name" .name "key" (get .items $setting) }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{- define "pos-gateway.mounts" -}}
- name: secrets
  mountPath: /run/secrets
  readOnly: true
{{- range $section, $files := .Values.tls }}
{{- if or $files.ca $files.client }}
- name: tls-{{ $section }}
  mountPath: /etc/pos-gateway/tls/{{ $section }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "pos-gateway.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .Values.existingSecret }}
      {{- range .Values.extraSecrets }}
      - secret:
          name: {{ .name }}
          items:
            {{- range $setting, $key := .items }}
            - key: {{ $key }}
              path: {{ $setting }}
            {{- end }}
      {{- end }}
{{- range $section, $files := .Values.tls }}
{{- if or $files.ca $files.client }}
- name: tls-{{ $section }}
  projected:
    defaultMode: 0440
    sources:
      {{- with $files.ca }}
      - {{ ternary "secret" "configMap" (hasKey . "secret") }}:
          name: {{ .secret | default .configMap }}
          items:
            - key: {{ .key | default "ca.crt" }}
              path: ca.crt
      {{- end }}
      {{- with $files.client }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .certificate | default "tls.crt" }}
              path: tls.crt
            - key: {{ .privateKey | default "tls.key" }}
              path: tls.key
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
