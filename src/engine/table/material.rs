//! Rows of rotation and import.

use super::{KEY, KeyArgument, Row, argument, row};
use crate::api::aws::operation::Operation;
use crate::api::aws::{import, key, rotation};
use crate::domain::quota::QuotaClass;
use crate::engine::ops;
use crate::types::key::Origin;

/// The rows.
pub(super) static ROWS: &[Row] = &[
    Row {
        members: import::DELETE_IMPORTED_KEY_MATERIAL,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "deleteimportedkeymaterial", "kms:DeleteImportedKeyMaterial")
        }],
        changes: true,
        origin: Some(Origin::External),
        audited: &[KEY, ("KeyMaterialId", "keyMaterialId")],
        handler: Some(|engine, admitted, trail| {
            Box::pin(ops::import::delete_imported_key_material(engine, admitted, trail))
        }),
        ..row(Operation::DeleteImportedKeyMaterial, "deleteimportedkeymaterial", "kms:DeleteImportedKeyMaterial")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "getkeyrotationstatus", "kms:GetKeyRotationStatus")
        }],
        quota: QuotaClass::Describe,
        handler: Some(|engine, admitted, _| Box::pin(ops::rotation::get_key_rotation_status(engine, admitted))),
        ..row(Operation::GetKeyRotationStatus, "getkeyrotationstatus", "kms:GetKeyRotationStatus")
    },
    Row {
        members: rotation::LIST_KEY_ROTATIONS,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "listkeyrotations", "kms:ListKeyRotations") }],
        quota: QuotaClass::List,
        audited: &[KEY, ("IncludeKeyMaterial", "includeKeyMaterial"), ("Limit", "limit"), ("Marker", "marker")],
        handler: Some(|engine, admitted, _| Box::pin(ops::rotation::list_key_rotations(engine, admitted))),
        ..row(Operation::ListKeyRotations, "listkeyrotations", "kms:ListKeyRotations")
    },
    Row {
        members: import::GET_PARAMETERS_FOR_IMPORT,
        keys: &[KeyArgument {
            aliases: false,
            ..argument("KeyId", "getparametersforimport", "kms:GetParametersForImport")
        }],
        origin: Some(Origin::External),
        audited: &[KEY, ("WrappingAlgorithm", "wrappingAlgorithm"), ("WrappingKeySpec", "wrappingKeySpec")],
        precheck: Some(ops::import::check_parameters),
        handler: Some(|engine, admitted, _| Box::pin(ops::import::get_parameters_for_import(engine, admitted))),
        ..row(Operation::GetParametersForImport, "getparametersforimport", "kms:GetParametersForImport")
    },
    Row {
        members: import::IMPORT_KEY_MATERIAL,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "importkeymaterial", "kms:ImportKeyMaterial") }],
        changes: true,
        idempotent: false,
        origin: Some(Origin::External),
        audited: &[
            KEY,
            ("ValidTo", "validTo"),
            ("ExpirationModel", "expirationModel"),
            ("ImportType", "importType"),
            ("KeyMaterialDescription", "keyMaterialDescription"),
            ("KeyMaterialId", "keyMaterialId"),
        ],
        precheck: Some(ops::import::check_import),
        handler: Some(|engine, admitted, trail| Box::pin(ops::import::import_key_material(engine, admitted, trail))),
        ..row(Operation::ImportKeyMaterial, "importkeymaterial", "kms:ImportKeyMaterial")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "rotatekeyondemand", "kms:RotateKeyOnDemand") }],
        changes: true,
        idempotent: false,
        handler: Some(|engine, admitted, trail| Box::pin(ops::rotation::rotate_key_on_demand(engine, admitted, trail))),
        ..row(Operation::RotateKeyOnDemand, "rotatekeyondemand", "kms:RotateKeyOnDemand")
    },
    Row {
        members: key::KEY_ONLY,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "disablekeyrotation", "kms:DisableKeyRotation") }],
        changes: true,
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::disable_key_rotation(engine, admitted, trail))),
        ..row(Operation::DisableKeyRotation, "disablekeyrotation", "kms:DisableKeyRotation")
    },
    Row {
        members: rotation::ENABLE_KEY_ROTATION,
        keys: &[KeyArgument { aliases: false, ..argument("KeyId", "enablekeyrotation", "kms:EnableKeyRotation") }],
        changes: true,
        audited: &[KEY, ("RotationPeriodInDays", "rotationPeriodInDays")],
        handler: Some(|engine, admitted, trail| Box::pin(ops::spec::enable_key_rotation(engine, admitted, trail))),
        ..row(Operation::EnableKeyRotation, "enablekeyrotation", "kms:EnableKeyRotation")
    },
];
