"""Synthesis recipes: what a chemist needs to make a designed particle."""

from padesign.recipe.build import build_recipe as build_recipe
from padesign.recipe.inputs import Batch as Batch
from padesign.recipe.inputs import Lattice as Lattice
from padesign.recipe.inputs import PredictedNumber as PredictedNumber
from padesign.recipe.inputs import Prediction as Prediction
from padesign.recipe.schema import Recipe as Recipe
from padesign.recipe.write import write_recipe as write_recipe
