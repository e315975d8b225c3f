# The bucket of a studio, and a role for the pods of a night with the least rights on it.
#
#   films/   what is dubbed: films, stems, scripts    read
#   jobs/    catalogues and jobs                      read
#   dubbed/  results and their ledger                 read, written, deleted

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  read_prefixes = ["films", "jobs", "dubbed"]
  issuer        = trimprefix(var.oidc_issuer, "https://")
}

resource "aws_s3_bucket" "studio" {
  bucket = var.bucket

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "studio" {
  bucket                  = aws_s3_bucket.studio.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "studio" {
  bucket = aws_s3_bucket.studio.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "studio" {
  bucket = aws_s3_bucket.studio.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Earlier versions of films are kept for a while; a lease and a ledger leave thousands of small ones.
resource "aws_s3_bucket_lifecycle_configuration" "studio" {
  bucket = aws_s3_bucket.studio.id

  rule {
    id     = "unfinished uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  rule {
    id     = "earlier versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.keep_versions_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.studio]
}

data "aws_iam_policy_document" "encrypted_connections" {
  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.studio.arn, "${aws_s3_bucket.studio.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "studio" {
  bucket = aws_s3_bucket.studio.id
  policy = data.aws_iam_policy_document.encrypted_connections.json

  depends_on = [aws_s3_bucket_public_access_block.studio]
}

data "aws_iam_policy_document" "night" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.studio.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = flatten([for prefix in local.read_prefixes : [prefix, "${prefix}/*"]])
    }
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for prefix in local.read_prefixes : "${aws_s3_bucket.studio.arn}/${prefix}/*"]
  }

  statement {
    sid       = "WriteResults"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.studio.arn}/dubbed/*"]
  }
}

resource "aws_iam_policy" "night" {
  name   = var.role
  policy = data.aws_iam_policy_document.night.json
}

# Only the service account of the night may take the role.
data "aws_iam_policy_document" "service_account" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:${var.service_account}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "night" {
  name                 = var.role
  assume_role_policy   = data.aws_iam_policy_document.service_account.json
  max_session_duration = 43200
}

resource "aws_iam_role_policy_attachment" "night" {
  role       = aws_iam_role.night.name
  policy_arn = aws_iam_policy.night.arn
}
