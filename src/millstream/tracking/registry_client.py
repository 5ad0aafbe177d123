"""The verbs of MlflowClient on registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from millstream.stores.base import Store
from millstream.tracking import registry
from millstream.tracking.convert import now, to_tags
from millstream.values import names, ops, queries
from millstream.values.entities import STAGES, ModelVersion, Page, RegisteredModel
from millstream.values.errors import InvalidValue


class RegistryVerbs:
    """Needs `_store`, where runs are, and `_registry`, where registered models are."""

    _store: Store
    _registry: Store

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Make a registered model without versions; AlreadyExists when the name is taken."""
        texts = {tag.key: tag.value for tag in to_tags(tags or {})}
        op = ops.CreateRegisteredModel(
            op_id=names.new_run_id(), name=name, time=now(), description=description, tags=texts
        )
        return self._registry.write(op)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a registered model, with all of its versions, another name."""
        op = ops.RenameRegisteredModel(op_id=names.new_run_id(), name=name, new_name=new_name, time=now())
        return self._registry.write(op)

    def update_registered_model(
        self, name: str, description: str | None = None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Change the description of a registered model."""
        if description is None:
            raise InvalidValue("Attempting to update registered model with no new field values: give a description.")
        return self._registry.write(ops.UpdateRegisteredModel(name=name, description=description, time=now()))

    def delete_registered_model(self, name: str) -> None:
        """Remove a registered model and all of its versions for good; the files that they name stay."""
        self._registry.write(ops.DeleteRegisteredModel(name=name))

    def get_registered_model(self, name: str) -> RegisteredModel:
        """A registered model with its tags, aliases and the newest version of each stage."""
        return self._registry.read(queries.GetRegisteredModel(name=name))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[RegisteredModel]:
        """A page of registered models that match; its `token` asks for the next one."""
        query = registry.to_search(queries.SearchRegisteredModels, filter_string, max_results, order_by, page_token)
        found: Page[RegisteredModel] = self._registry.read(query)
        return found

    def list_registered_models(self, max_results: int = 100, page_token: str | None = None) -> Page[RegisteredModel]:
        """MLflow 1.x's name for `search_registered_models`."""
        return self.search_registered_models(None, max_results, None, page_token)

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of a registered model."""
        self._registry.write(ops.SetRegisteredModelTag(name=name, key=key, value=str(value)))

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model, if it is there."""
        self._registry.write(ops.DeleteRegisteredModelTag(name=name, key=key))

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Let `alias` stand for a version, and for no other one."""
        self._registry.write(ops.SetModelAlias(name=name, alias=alias, version=names.check_version(version)))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Let `alias` stand for no version."""
        self._registry.write(ops.DeleteModelAlias(name=name, alias=alias))

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Make the next version of a registered model, whose files are at `source`; it is ready at once."""
        return registry.create_version(
            self._store,
            self._registry,
            name,
            source,
            run_id=run_id,
            tags=tags,
            run_link=run_link,
            description=description,
            model_id=model_id,
        )

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Register a version, as ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``, as the next one of `dst_name`."""
        return registry.copy_version(self._store, self._registry, src_model_uri, dst_name)

    def update_model_version(self, name: str, version: str | int, description: str | None = None) -> ModelVersion:
        """Change the description of a version."""
        if description is None:
            raise InvalidValue("Attempting to update model version with no new field values: give a description.")
        number = names.check_version(version)
        op = ops.UpdateModelVersion(name=name, version=number, description=description, time=now())
        return self._registry.write(op)

    def transition_model_version_stage(
        self, name: str, version: str | int, stage: str, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Bring a version to a stage (None, Staging, Production, Archived); MLflow would rather have aliases used."""
        op = ops.TransitionModelVersion(
            name=name,
            version=names.check_version(version),
            stage=names.check_model_stage(stage),
            time=now(),
            archive=archive_existing_versions,
        )
        return self._registry.write(op)

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Remove a version, with the aliases that stand for it; the files that it names stay."""
        op = ops.DeleteModelVersion(name=name, version=names.check_version(version), time=now())
        self._registry.write(op)

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """One version of a registered model."""
        return self._registry.read(queries.GetModelVersion(name=name, version=names.check_version(version)))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that `alias` stands for; "latest" is the newest one."""
        return self._registry.read(queries.GetModelVersionByAlias(name=name, alias=alias))

    def get_latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        """The newest version of each stage; only of `stages`, when they are given."""
        return self._registry.read(queries.GetLatestVersions(name=name, stages=tuple(stages or ())))

    def get_model_version_stages(self, name: str, version: str | int) -> list[str]:
        """The stages that there are."""
        return list(STAGES)

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Where the files of a version are."""
        return self.get_model_version(name, version).location

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> Page[ModelVersion]:
        """A page of versions that match; its `token` asks for the next one."""
        query = registry.to_search(queries.SearchModelVersions, filter_string, max_results, order_by, page_token)
        found: Page[ModelVersion] = self._registry.read(query)
        return found

    def set_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
    ) -> None:
        """Set or overwrite a tag of a version, or of the newest one in `stage`."""
        number = self._number(name, version, stage)
        op = ops.SetModelVersionTag(name=name, version=number, key=str(key), value=str(value))
        self._registry.write(op)

    def delete_model_version_tag(
        self, name: str, version: str | int | None = None, key: str | None = None, stage: str | None = None
    ) -> None:
        """Remove a tag of a version, or of the newest one in `stage`, if it is there."""
        number = self._number(name, version, stage)
        self._registry.write(ops.DeleteModelVersionTag(name=name, version=number, key=str(key)))

    def _number(self, name: str, version: str | int | None, stage: str | None) -> int:
        if (version is None) == (stage is None):
            raise InvalidValue("Name the version either by version or by stage.")
        if version is not None:
            return names.check_version(version)
        found = self.get_latest_versions(name, [str(stage)])
        if not found:
            raise InvalidValue(f"The registered model {name!r} has no version in the stage {stage}.")
        return found[0].version
