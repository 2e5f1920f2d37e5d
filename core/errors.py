"""Every error a person can cause, in one tree. The message is one sentence or two for that person:
what is wrong, what was found, what to do. Anything that is not a DuodeskError is a bug.
"""


class DuodeskError(Exception):
    """The root; `str(error)` is fit to be shown."""


def kind_of(error: DuodeskError) -> str:
    """The class of this tree that an error belongs to, by name: rooms have finer ones of their own."""
    return next(known.__name__ for known in type(error).__mro__ if known.__module__ == __name__)


class SettingsError(DuodeskError):
    """The settings file, an environment variable or a flag cannot be used."""


class SetupError(DuodeskError):
    """The packages cannot be installed."""


class PortTaken(DuodeskError):
    """No free port could be found."""


class InvalidMessage(DuodeskError):
    """A chat message that cannot be answered: empty or far too long."""


class Busy(DuodeskError):
    """Too many answers are under way to begin another one."""


class UnknownArm(DuodeskError):
    """There is no such cell in the 2x2."""


class TemplateError(DuodeskError):
    """Something about a prompt template."""


class UnknownTemplate(TemplateError):
    """There is no template, or no version of it, by this name."""


class InvalidTemplate(TemplateError):
    """The text of a template is broken; the version before stays in force."""


class ModelError(DuodeskError):
    """The base model cannot be used."""


class ModelNotFound(ModelError):
    """The folder is missing or incomplete, or the hub cannot be reached."""


class PromptTooLong(ModelError):
    """The prompt does not fit into the model's context."""


class ServerError(ModelError):
    """A model server cannot be reached, refuses, or breaks off."""


class AdapterError(DuodeskError):
    """An adapter cannot be used."""


class UnknownAdapter(AdapterError):
    """There is no adapter folder by this name."""


class AdapterMismatch(AdapterError):
    """The adapter was made for another base model."""


class DocumentError(DuodeskError):
    """A document cannot be indexed."""


class UnknownDocument(DocumentError):
    """No such document is in the index."""


class StoreError(DuodeskError):
    """The database cannot be reached, read or written."""


class UnknownChat(StoreError):
    """There is no chat by this identifier."""


class UnknownVisitor(StoreError):
    """Nobody has asked or rated anything under this name."""


class ExportError(DuodeskError):
    """What is on record cannot be written to this file."""


class ApiKeyError(DuodeskError):
    """An API key cannot be made or revoked as asked."""


class VoteError(DuodeskError):
    """A vote that cannot be taken."""


class AlreadyVoted(VoteError):
    """This rater has voted on this pair; votes are final."""


class StillBlind(VoteError):
    """What was asked for would unblind a comparison before its vote."""


class AccountError(DuodeskError):
    """An account cannot be made or changed as asked."""


class SignInError(AccountError):
    """Somebody cannot be signed in."""


class TrainingError(DuodeskError):
    """An adapter cannot be trained: bad transcripts, or the training failed."""


class DeploymentError(DuodeskError):
    """A process of the deployment cannot be started, or ends."""


class QuestionsError(DuodeskError):
    """A file of test questions cannot be read."""


class StudyError(DuodeskError):
    """A study cannot be planned or run as asked."""


class UnknownStudy(StudyError):
    """There is no study by this identifier."""


class SplitError(DuodeskError):
    """A split cannot be begun, ended or found as asked."""


class UnknownSplit(SplitError):
    """There is no split by this identifier."""


class JudgeError(DuodeskError):
    """The LLM judge cannot be reached, or does not answer as asked."""


class BackupError(DuodeskError):
    """A backup cannot be made, or cannot be brought back."""
