# Applications in two Regions, whom they are assigned to, and every data source that reads them.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "user" {}
variable "group" {}
variable "additional_region" {}
variable "additional_endpoint" {}

variable "description" {
  default = "Soundings of the harbour"
}

variable "status" {
  default = "ENABLED"
}

variable "assignment_required" {
  type    = bool
  default = true
}

# The primary Region: AWS_ENDPOINT_URL and AWS_REGION say where it is.
provider "aws" {
  max_retries = 2
}

provider "aws" {
  alias       = "additional"
  region      = var.additional_region
  max_retries = 2
  endpoints {
    ssoadmin = var.additional_endpoint
    sts      = var.additional_endpoint
  }
}

data "aws_ssoadmin_instances" "this" {}

locals {
  instance = tolist(data.aws_ssoadmin_instances.this.arns)[0]
  store    = tolist(data.aws_ssoadmin_instances.this.identity_store_ids)[0]
  custom   = one([for p in data.aws_ssoadmin_application_providers.all.application_providers :
  p.application_provider_arn if endswith(p.application_provider_arn, "/custom")])
}

data "aws_ssoadmin_application_providers" "all" {}

data "aws_identitystore_user" "this" {
  identity_store_id = local.store
  alternate_identifier {
    unique_attribute {
      attribute_path  = "UserName"
      attribute_value = var.user
    }
  }
}

data "aws_identitystore_group" "this" {
  identity_store_id = local.store
  alternate_identifier {
    unique_attribute {
      attribute_path  = "DisplayName"
      attribute_value = var.group
    }
  }
}

resource "aws_ssoadmin_application" "charts" {
  name                     = "Soundings"
  application_provider_arn = local.custom
  instance_arn             = local.instance
  description              = var.description
  status                   = var.status

  portal_options {
    visibility = "ENABLED"
    sign_in_options {
      origin          = "APPLICATION"
      application_url = "https://soundings.example/"
    }
  }
}

resource "aws_ssoadmin_application" "plain" {
  name                     = "Tide tables"
  application_provider_arn = local.custom
  instance_arn             = local.instance
}

resource "aws_ssoadmin_application" "elsewhere" {
  provider                 = aws.additional
  name                     = "Lighthouse"
  application_provider_arn = local.custom
  instance_arn             = local.instance
}

resource "aws_ssoadmin_application_assignment" "user" {
  application_arn = aws_ssoadmin_application.charts.application_arn
  principal_id    = data.aws_identitystore_user.this.user_id
  principal_type  = "USER"
}

resource "aws_ssoadmin_application_assignment" "group" {
  application_arn = aws_ssoadmin_application.charts.application_arn
  principal_id    = data.aws_identitystore_group.this.group_id
  principal_type  = "GROUP"
}

resource "aws_ssoadmin_application_assignment_configuration" "charts" {
  application_arn     = aws_ssoadmin_application.charts.application_arn
  assignment_required = var.assignment_required
}

data "aws_ssoadmin_application" "charts" {
  application_arn = aws_ssoadmin_application.charts.application_arn
}

data "aws_ssoadmin_application_assignments" "charts" {
  application_arn = aws_ssoadmin_application.charts.application_arn
  depends_on = [
    aws_ssoadmin_application_assignment.user, aws_ssoadmin_application_assignment.group
  ]
}

data "aws_ssoadmin_principal_application_assignments" "user" {
  instance_arn   = local.instance
  principal_id   = data.aws_identitystore_user.this.user_id
  principal_type = "USER"
  depends_on     = [aws_ssoadmin_application_assignment.user]
}

output "charts" {
  value = data.aws_ssoadmin_application.charts.application_arn
}

output "plain" {
  value = aws_ssoadmin_application.plain.application_arn
}

output "elsewhere" {
  value = aws_ssoadmin_application.elsewhere.application_arn
}

output "user" {
  value = data.aws_identitystore_user.this.user_id
}

output "group" {
  value = data.aws_identitystore_group.this.group_id
}
