{{/* What all names begin with, those of Services too. Longer ones would be cut off, and could be another release's then. */}}
{{- define "meltemi.name" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" .Release.Name) }}
{{- fail "the release should be called by at most 40 small letters, digits and hyphens, beginning with a letter" }}
{{- end -}}
{{ .Release.Name }}
{{- end }}

{{/* Of what belongs to no namespace: a colon is in no name of a release or namespace, so no two are the same. */}}
{{- define "meltemi.clusterName" -}}
{{ .Release.Namespace }}:{{ include "meltemi.name" . }}-control-plane
{{- end }}

{{/* Of the webhook, which belongs to no namespace, and of its Secret: no release has a dot in its name. */}}
{{- define "meltemi.webhook" -}}
{{ include "meltemi.name" . }}-webhook.{{ .Release.Namespace }}
{{- end }}

{{/* By which pods are found; they never change. Takes (list root component). */}}
{{- define "meltemi.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: meltemi
app.kubernetes.io/instance: {{ include "meltemi.name" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "meltemi.labels" -}}
{{ include "meltemi.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
{{- end }}

{{- define "meltemi.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* What the Pod Security Standard `restricted` asks for, and more. */}}
{{- define "meltemi.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "meltemi.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Pods of one component stand on different machines where there is room. Takes (list root component). */}}
{{- define "meltemi.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "meltemi.selector" . | nindent 8 }}
{{- end }}

{{/* A GET on loopback, from inside the container: kubelet's own would need the port to be open to the cluster. */}}
{{- define "meltemi.probe" -}}
exec:
  command:
    - node
    - -e
    - "fetch('http://127.0.0.1:{{ . }}').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"
# Node starts for each one
timeoutSeconds: 5
{{- end }}
