"""Search: Optuna proposes values, the ordinary plan trains and evaluates them.

Nothing here imports Optuna before a search begins.
"""
