//! GetParametersForImport, ImportKeyMaterial and DeleteImportedKeyMaterial: keys of a user's own.

use crate::api::aws::error::{AwsError, ErrorCode};
use crate::api::aws::import::{
    GetParametersForImport, GetParametersForImportAnswer, ImportKeyMaterial, ImportedMaterialAnswer, material_id,
};
use crate::api::aws::member::Input;
use crate::api::aws::reply::{Base64, encode};
use crate::crypto::rng::random_array;
use crate::crypto::{derive, import as unwrapping, key};
use crate::domain::import::{self, Import, announce, announced_version};
use crate::domain::import_token::{ImportToken, TokenRefusal};
use crate::domain::plan::{Action, Fence};
use crate::domain::record::{Material, Record, SCHEMA};
use crate::engine::Engine;
use crate::engine::admit::{Admitted, ResolvedKey, throttled};
use crate::engine::execute::ActionResult;
use crate::engine::trail::Trail;
use crate::ports::rsa_keys::RsaKeyError;
use crate::types::ids::MaterialId;
use crate::types::limits::{CHANGE_ATTEMPTS_MAX, IMPORT_TOKEN_LIFETIME};
use crate::types::object::TokenPurpose;
use crate::types::secret::SecretBytes;
use crate::types::time::Timestamp;

use super::changes::{change_record, internal, read_record, write_change};

/// What is asked for must be there at all; that is told before anything of the key.
///
/// # Errors
/// `UnsupportedOperationException`.
pub fn check_parameters(input: &Input<'_>) -> Result<(), AwsError> {
    GetParametersForImport::read(input).map(drop)
}

/// What one member says against another is told before anything of the key.
///
/// # Errors
/// `ValidationException`.
pub fn check_import(input: &Input<'_>) -> Result<(), AwsError> {
    ImportKeyMaterial::read(input).map(drop)
}

/// `GetParametersForImport`: no replica remembers what it gave, because the token holds all of it.
///
/// # Errors
/// Those of the API.
pub async fn get_parameters_for_import(engine: &Engine, admitted: &Admitted<'_>) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let request = GetParametersForImport::read(admitted.input)?;
    // `read` refuses every spec without a size.
    let size = request.spec.rsa_size().ok_or_else(AwsError::internal)?;
    let made = engine.ports.rsa_keys.make(size).await.map_err(|error| match error {
        RsaKeyError::Busy => throttled(),
        RsaKeyError::Failed => internal("a wrapping key could not be made", &error),
    })?;
    let record = &key.entry.record;
    let token = ImportToken {
        schema: SCHEMA,
        key_id: record.key_bytes,
        multi_region: record.multi_region,
        algorithm: request.algorithm,
        private_key: made.private_key,
        expires_at: admitted.now.plus(IMPORT_TOKEN_LIFETIME),
        import_epoch: record.import_epoch.unwrap_or(0),
        principal: admitted.call.principal.arn(),
    };
    let number = random_array(engine.ports.rng.as_ref()).map(u64::from_be_bytes);
    let seal = |number| engine.vault.seal_token(TokenPurpose::Import, &record.key_id(), number, &token);
    let sealed = number.and_then(seal).map_err(|error| internal("an import token could not be sealed", &error))?;
    encode(&GetParametersForImportAnswer {
        key_id: &key.arn,
        import_token: Base64(&sealed),
        public_key: Base64(&made.public_key),
        parameters_valid_to: token.expires_at.epoch_seconds(),
    })
}

/// `ImportKeyMaterial`: answers when the material is durable and this replica uses it.
///
/// # Errors
/// Those of the API. After an internal error the same call made again goes on where this one ended.
pub async fn import_key_material(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let request = ImportKeyMaterial::read(admitted.input)?;
    request.expiration.check(admitted.now)?;
    let material = unwrap(engine, admitted, key, &request)?;
    let material_id = derive::material_id(&key.entry.record.key_id(), material.expose());
    trail.note_parameter("expirationModel", request.expiration.model().as_str());
    trail.note_response("keyId", &key.arn);
    trail.note_response("keyMaterialId", &material_id.to_string());
    let import = Import {
        material_id,
        import_type: request.import_type,
        named: request.material_id,
        valid_to: request.expiration.valid_to(),
        description: request.description.map(str::to_owned),
        taken: None,
    };
    bring(engine, key, import, &material, admitted.now).await?;
    show(engine, key, material_id).await?;
    encode(&ImportedMaterialAnswer { key_id: &key.arn, key_material_id: Some(material_id.to_string()) })
}

/// `DeleteImportedKeyMaterial`: the record says so first, then the stored bytes go.
///
/// # Errors
/// Those of the API.
pub async fn delete_imported_key_material(
    engine: &Engine,
    admitted: &Admitted<'_>,
    trail: &mut Trail,
) -> Result<SecretBytes, AwsError> {
    let key = admitted.key(0)?;
    let named = material_id(admitted.input);
    let record = change_record(engine, key, trail, |record| import::delete(record, named)).await?;
    let deleted = named.or_else(|| record.current_material().map(|material| material.material_id));
    let deleted = deleted.map(|material_id| material_id.to_string());
    if let Some(deleted) = &deleted {
        trail.note_response("keyMaterialId", deleted);
    }
    // Nobody uses it any more, and who asked for its end is told of it when it has come.
    let settled = engine.reconcile_key(&record.key_id()).await;
    settled.map_err(|error| internal("a deleted material could not be removed", &error))?;
    encode(&ImportedMaterialAnswer { key_id: &key.arn, key_material_id: deleted })
}

/// The material of a request. Whatever is wrong with the wrapped bytes, the answer is the same.
fn unwrap(
    engine: &Engine,
    admitted: &Admitted<'_>,
    key: &ResolvedKey,
    request: &ImportKeyMaterial<'_>,
) -> Result<SecretBytes, AwsError> {
    let record = &key.entry.record;
    let invalid = "The import token is not valid for this key and caller.";
    let invalid = || AwsError::new(ErrorCode::InvalidImportToken, invalid);
    let opened = engine.vault.open_token(TokenPurpose::Import, &record.key_id(), request.token.expose());
    let token: ImportToken = opened.map_err(|_| invalid())?;
    let (caller, epoch) = (admitted.call.principal.arn(), record.import_epoch.unwrap_or(0));
    token.check(&record.key_id(), &caller, epoch, admitted.now).map_err(|refusal| match refusal {
        TokenRefusal::Invalid => invalid(),
        TokenRefusal::Expired => AwsError::new(ErrorCode::ExpiredImportToken, "The import token has expired."),
    })?;
    let material = unwrapping::unwrap(&token.private_key, token.algorithm, request.wrapped.expose());
    let material = material.ok().and_then(|material| key::import(record.immutable.key_spec, &material).ok());
    material.ok_or_else(|| AwsError::silent(ErrorCode::InvalidCiphertext))
}

/// Announces the material and stores it, again where another writer was faster or its name is taken.
async fn bring(
    engine: &Engine,
    key: &ResolvedKey,
    mut import: Import,
    material: &SecretBytes,
    now: Timestamp,
) -> Result<(), AwsError> {
    let key_id = key.entry.record.key_id();
    for attempt in 0..CHANGE_ATTEMPTS_MAX {
        let mut read = read_record(engine, key).await?;
        let begun = read.record.announced_version.is_some();
        if begun && attempt == 0 && announced_version(&read.record, import.material_id).is_none() {
            // What another import left behind is listed now, or given up.
            let settled = engine.reconcile_key(&key_id).await;
            settled.map_err(|error| internal("an earlier import could not be settled", &error))?;
            read = read_record(engine, key).await?;
        }
        clear(engine, &read.record, import.material_id).await?;
        let change = announce(&read.record, &import, now);
        let written = {
            let _pause = engine.destruction.pause().await;
            write_change(engine, key, &read, change).await?
        };
        let Some(record) = written else { continue };
        let Some(version) = announced_version(&record, import.material_id) else { return Ok(()) };
        let stored = engine.store_import(&record, version, material).await;
        if stored.map_err(|error| internal("imported material could not be stored", &error))? {
            return Ok(());
        }
        import.taken = Some(version);
    }
    Err(AwsError::internal())
}

/// What is stored of a material that the record says is gone goes before it comes back: whoever is about to remove it
/// would otherwise remove what is imported now.
async fn clear(engine: &Engine, record: &Record, material_id: MaterialId) -> Result<(), AwsError> {
    let Some(gone) = import::find(record, material_id).filter(|material| !material.is_present()) else { return Ok(()) };
    let (stored_name, fence) = (gone.stored_name.clone(), Fence::ImportRemoved { version: gone.version });
    match engine.execute(&record.key_id(), &Action::DestroyMaterial { stored_name, fence }).await {
        ActionResult::Failed(error) => Err(internal("a deleted material could not be removed", &error)),
        ActionResult::Done(_) | ActionResult::Pending { .. } => Ok(()),
    }
}

/// Lets the record list what is stored, and waits until this replica shows it.
async fn show(engine: &Engine, key: &ResolvedKey, material_id: MaterialId) -> Result<(), AwsError> {
    let settled = engine.reconcile_key(&key.entry.record.key_id()).await;
    settled.map_err(|error| internal("an imported material could not be listed", &error))?;
    let read = read_record(engine, key).await?;
    // Where it is not listed, it was deleted meanwhile, or the call that is made again finishes it.
    let listed = import::find(&read.record, material_id).is_some_and(Material::is_present);
    listed.then_some(()).ok_or_else(AwsError::internal)?;
    engine.show_record(&read.record).await;
    Ok(())
}
