# People and groups as a team keeps them in Terraform. Endpoint, Region, certificates and credentials
# come from the environment.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  max_retries = 1
}

variable "title" {
  type    = string
  default = "Pilot"
}

variable "nickname" {
  type    = string
  default = "K"
}

variable "email" {
  type    = string
  default = "kim@example.com"
}

variable "description" {
  type    = string
  default = "Who flies"
}

data "aws_ssoadmin_instances" "this" {}

locals {
  store = tolist(data.aws_ssoadmin_instances.this.identity_store_ids)[0]
}

resource "aws_identitystore_user" "kim" {
  identity_store_id  = local.store
  user_name          = "kim.terraform@example.com"
  display_name       = "Kim Roe"
  nickname           = var.nickname
  title              = var.title
  locale             = "de-DE"
  timezone           = "Europe/Berlin"
  preferred_language = "de"
  profile_url        = "https://kim.example.com"
  user_type          = "Employee"

  name {
    given_name       = "Kim"
    family_name      = "Roe"
    honorific_prefix = "Dr"
  }

  dynamic "emails" {
    for_each = var.email == null ? [] : [var.email]
    content {
      value   = emails.value
      type    = "work"
      primary = true
    }
  }

  addresses {
    street_address = "Way 1"
    locality       = "Ulm"
    postal_code    = "89073"
    country        = "DE"
    type           = "home"
  }

  phone_numbers {
    value = "+49 1"
    type  = "work"
  }
}

resource "aws_identitystore_user" "lee" {
  identity_store_id = local.store
  user_name         = "lee.terraform@example.com"
  display_name      = "Lee Ode"

  name {
    given_name  = "Lee"
    family_name = "Ode"
  }
}

resource "aws_identitystore_group" "crew" {
  identity_store_id = local.store
  display_name      = "Crew of Terraform"
  description       = var.description
}

resource "aws_identitystore_group_membership" "crew" {
  for_each = {
    kim = aws_identitystore_user.kim.user_id
    lee = aws_identitystore_user.lee.user_id
  }
  identity_store_id = local.store
  group_id          = aws_identitystore_group.crew.group_id
  member_id         = each.value
}

data "aws_identitystore_user" "kim" {
  identity_store_id = local.store
  alternate_identifier {
    unique_attribute {
      attribute_path  = "UserName"
      attribute_value = aws_identitystore_user.kim.user_name
    }
  }
}

data "aws_identitystore_group" "crew" {
  identity_store_id = local.store
  alternate_identifier {
    unique_attribute {
      attribute_path  = "DisplayName"
      attribute_value = aws_identitystore_group.crew.display_name
    }
  }
}

data "aws_identitystore_users" "all" {
  identity_store_id = local.store
  depends_on        = [aws_identitystore_user.kim, aws_identitystore_user.lee]
}

data "aws_identitystore_groups" "all" {
  identity_store_id = local.store
  depends_on        = [aws_identitystore_group.crew]
}

data "aws_identitystore_group_memberships" "crew" {
  identity_store_id = local.store
  group_id          = aws_identitystore_group.crew.group_id
  depends_on        = [aws_identitystore_group_membership.crew]
}

output "kim" {
  value = data.aws_identitystore_user.kim.user_id
}

output "title" {
  value = data.aws_identitystore_user.kim.title
}

output "crew" {
  value = data.aws_identitystore_group.crew.group_id
}

output "user_names" {
  value = data.aws_identitystore_users.all.users[*].user_name
}

output "groups" {
  value = data.aws_identitystore_groups.all.groups[*].group_id
}

output "members" {
  value = data.aws_identitystore_group_memberships.crew.group_memberships[*].member_id.user_id
}
