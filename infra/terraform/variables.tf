variable "bucket" {
  description = "Name of the bucket that is created."
  type        = string
}

variable "oidc_provider_arn" {
  description = "ARN of the OpenID Connect provider of the Kubernetes cluster."
  type        = string
}

variable "oidc_issuer" {
  description = "Address of the issuer of that provider."
  type        = string
}

variable "namespace" {
  description = "Namespace of the night, as in infra/kubernetes."
  type        = string
  default     = "mytalk"
}

variable "service_account" {
  description = "Service account of the pods of the night, as in infra/kubernetes."
  type        = string
  default     = "mytalk"
}

variable "role" {
  description = "Name of the role and of its policy."
  type        = string
  default     = "mytalk"
}

variable "keep_versions_days" {
  description = "Days after which an earlier version of an object is deleted."
  type        = number
  default     = 30
}
