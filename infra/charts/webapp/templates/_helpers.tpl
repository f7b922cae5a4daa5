{{- define "webapp.name" -}}
{{ .Values.fullnameOverride | default .Values.nameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "webapp.selector" -}}
app.kubernetes.io/name: {{ include "webapp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "webapp.labels" -}}
{{ include "webapp.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* What Gimlet reads to join a cluster's objects with the commit they came from. */ -}}
{{- define "webapp.annotations" -}}
gimlet.io/app: {{ .Release.Name | quote }}
{{- with .Values.gitRepository }}
gimlet.io/git-repository: {{ . | quote }}
{{- end }}
{{- with .Values.gitSha }}
gimlet.io/git-sha: {{ . | quote }}
{{- end }}
{{- with .Values.gitBranch }}
gimlet.io/git-branch: {{ . | quote }}
{{- end }}
{{- end }}

{{- /* A value as the text a person wrote: numbers arrive as floating point. */ -}}
{{- define "webapp.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "webapp.texts" -}}
{{- range $key, $value := . }}
{{ $key | quote }}: {{ include "webapp.text" $value | quote }}
{{- end }}
{{- end }}

{{- define "webapp.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default "latest" }}
{{- end }}
{{- end }}

{{- define "webapp.ports" -}}
{{- if .Values.ports }}{{ toYaml .Values.ports }}{{ else }}
- {name: http, containerPort: {{ int .Values.containerPort }}, svcPort: 80}
{{- end }}
{{- end }}

{{- define "webapp.firstPort" -}}
{{ (first (include "webapp.ports" . | fromYamlArray)).name }}
{{- end }}

{{- define "webapp.serviceAccountName" -}}
{{- if kindIs "string" .Values.serviceAccount -}}
{{ .Values.serviceAccount }}
{{- else if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "webapp.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "" }}
{{- end }}
{{- end }}

{{- define "webapp.command" -}}
{{- if kindIs "string" .command }}
{{- if .command }}
command: [{{ .shell | quote }}, "-c"]
args: [{{ .command | quote }}]
{{- end }}
{{- else if .command }}
command: {{- toYaml .command | nindent 2 }}
{{- end }}
{{- if and .args (not (and (kindIs "string" .command) .command)) }}
args: {{- toYaml .args | nindent 2 }}
{{- end }}
{{- end }}

{{- define "webapp.environment" -}}
{{- with .Values.env }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.vars .Values.secretEnabled .Values.secretName .Values.envFrom }}
envFrom:
  {{- if .Values.vars }}
  - configMapRef: {name: {{ include "webapp.name" . }}}
  {{- end }}
  {{- if .Values.secretEnabled }}
  - secretRef: {name: {{ include "webapp.name" . }}}
  {{- end }}
  {{- with .Values.secretName }}
  - secretRef: {name: {{ . }}}
  {{- end }}
  {{- with .Values.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "webapp.probe" -}}
httpGet:
  path: {{ .probe.path }}
  port: {{ include "webapp.text" (.probe.port | default .port) }}
{{- range $key, $value := .probe.settings }}
{{ $key }}: {{ int $value }}
{{- end }}
{{- end }}

{{- define "webapp.volumeMounts" -}}
{{- with .Values.volumes }}
volumeMounts:
  {{- range . }}
  - name: {{ .name }}
    mountPath: {{ .path | quote }}
    {{- with .subPath }}
    subPath: {{ . | quote }}
    {{- end }}
    {{- if .readOnly }}
    readOnly: true
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "webapp.volumes" -}}
{{- $name := include "webapp.name" . }}
{{- with .Values.volumes }}
volumes:
  {{- range . }}
  - name: {{ .name }}
    {{- if .existingClaim }}
    persistentVolumeClaim: {claimName: {{ .existingClaim }}}
    {{- else if .size }}
    persistentVolumeClaim: {claimName: {{ $name }}-{{ .name }}}
    {{- else if .existingConfigMap }}
    configMap: {name: {{ .existingConfigMap }}}
    {{- else if .existingSecret }}
    secret: {secretName: {{ .existingSecret }}}
    {{- else if .hostPath }}
    hostPath: {{ kindIs "string" .hostPath | ternary (dict "path" .hostPath) .hostPath | toJson }}
    {{- else if .emptyDir }}
    emptyDir: {{ kindIs "bool" .emptyDir | ternary dict .emptyDir | toJson }}
    {{- else }}
    {{- fail (printf "volume %s needs one of size, existingClaim, emptyDir, existingConfigMap, existingSecret, hostPath" .name) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* What all pods of the app share, jobs included. */ -}}
{{- define "webapp.pod" -}}
{{- with include "webapp.serviceAccountName" . }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}}
  {{- end }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- include "webapp.texts" . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "webapp.volumes" . }}
{{- . }}
{{- end }}
{{- end }}

{{- /* The pod template's spec of a job; takes root and job. */ -}}
{{- define "webapp.jobPod" -}}
{{- $root := .root }}
{{- $job := .job }}
{{- include "webapp.pod" $root }}
restartPolicy: Never
containers:
  - name: {{ $job.name }}
    image: {{ $job.image | default (include "webapp.image" $root) | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    {{- include "webapp.command" (dict "command" ($job.command | default "") "args" $job.args "shell" $root.Values.shell) | nindent 4 }}
    {{- include "webapp.environment" $root | nindent 4 }}
    {{- with $job.resources | default $root.Values.resources }}
    resources: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $root.Values.securityContext }}
    securityContext: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- include "webapp.volumeMounts" $root | nindent 4 }}
{{- end }}

{{- define "webapp.jobSpec" -}}
backoffLimit: {{ int (dig "backoffLimit" 3 .job) }}
{{- with .job.activeDeadlineSeconds }}
activeDeadlineSeconds: {{ int . }}
{{- end }}
template:
  metadata:
    labels:
      app.kubernetes.io/name: {{ include "webapp.name" .root }}-{{ .job.name }}
      app.kubernetes.io/part-of: {{ include "webapp.name" .root }}
  spec: {{- include "webapp.jobPod" . | nindent 4 }}
{{- end }}
