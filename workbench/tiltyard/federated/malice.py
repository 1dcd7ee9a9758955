"""What malicious clients can do, and in what measure they succeed."""

from typing import Literal

Attack = Literal["sign_flip", "label_flip", "model_replacement"]
ATTACKS: dict[Attack, str] = {
    "sign_flip": "send the opposite of what they learned",
    "label_flip": "learn from flipped labels",
    "model_replacement": "plant a backdoor and boost it",
}
Omission = Literal["nothing", "noise", "clip", "both"]
OMISSIONS: dict[Omission, str] = {
    "nothing": "clip and noise like the others",
    "noise": "clip, and add no noise",
    "clip": "add their noise, and do not clip",
    "both": "neither clip nor add noise",
}
SUCCESS: dict[Attack, str] = {
    "sign_flip": "Attack success rate (wrong rows)",
    "label_flip": "Attack success rate (the attackers' label)",
    "model_replacement": "Attack success rate (the attackers' goal)",
}


def loudness(attack: Attack, clients: int, attackers: int) -> float:
    """The factor on what attackers send by which a few outweigh the mean of all: clients / attackers; flipped labels are sent as they are."""
    return 1.0 if attack == "label_flip" else clients / max(attackers, 1)
