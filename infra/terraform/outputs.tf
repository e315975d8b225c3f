output "bucket" {
  description = "Bucket of films, jobs and results."
  value       = aws_s3_bucket.studio.bucket
}

output "role_arn" {
  description = "For the annotation of the service account in infra/kubernetes/access.yaml."
  value       = aws_iam_role.night.arn
}
